#!/bin/sh
# run.sh BUILD MODEL CC PKG-CONFIG-PATH
set -e
source=$(dirname "$0") build=$1 model=$2 cc=$3
export PKG_CONFIG_PATH="$4"
rm -rf "$build"
mkdir -p "$build"
"$cc" -std=c99 -Wall -Wextra -Werror "$source/../heart.c" -o "$build/heart" $(pkg-config --cflags --libs kandinsky) \
  -Wl,-rpath,"$(pkg-config --variable=libdir kandinsky)"
cd "$build"
./heart "$model" heart.png
[ "$(pkg-config --modversion kandinsky)" = "$(./heart --version)" ]
