#!/bin/sh
# run.sh BUILD MODEL CMAKE-ARGUMENTS...
set -e
build=$1 model=$2
shift 2
rm -rf "$build"
cmake -S "$(dirname "$0")" -B "$build" "$@"
cmake --build "$build" --target heart heart_c
cd "$build"
./heart "$model" heart.png
./heart_c "$model" heart_c.png
cmp heart.png heart_c.png
