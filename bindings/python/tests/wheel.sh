#!/bin/sh
# wheel.sh PYTHON PREBUILT FOLDER: makes a wheel around a library that is built, installs it into FOLDER, runs the example.
set -eu
python=$1 folder=$3
root=$(cd "$(dirname "$0")/../../.." && pwd)
rm -rf "$folder"
mkdir -p "$folder"
unset KANDINSKY_LIBRARY PYTHONPATH
cd "$folder"
KANDINSKY_PREBUILT=$2 "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist \
  --config-settings=build-dir="$folder/build" "$root"
ls dist
"$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target site dist/libkandinsky-*-py3-none-*.whl
export PYTHONPATH="$folder/site"
"$python" "$root/bindings/python/examples/hearts.py" "$root/models/emojich-nano" "красное сердце на синем фоне" pictures
test "$(ls pictures)" = "$(printf '1.png\n2.png\n3.png\n4.png')"
# SentencePiece models need a module that lies beside the library.
"$python" -c 'import sys, kandinsky
tokenizer = kandinsky.Tokenizer(sys.argv[1])
assert tokenizer.kind == "sentencepiece" and tokenizer.encode("кот").size > 0, tokenizer.kind' "$root/tests/text/data/unigram.model"
# Errors of an example are one line and an exit status.
! "$python" "$root/bindings/python/examples/hearts.py" nowhere 2> error || exit 1
grep -q '^nowhere: no such model directory$' error
