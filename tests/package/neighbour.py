"""neighbour.py FOLDER CC PROGRAM LIBDIR MODEL: makes a library that has every SentencePiece and protobuf name of the
system's libsentencepiece, each function of which ends the program, and runs PROGRAM with it."""
import pathlib
import re
import subprocess
import sys

folder, compiler, program, libdir, model = sys.argv[1:]
module, = pathlib.Path(libdir, "kandinsky").glob("kandinsky_sentencepiece-*.so")
listed = subprocess.run(["ldd", module], check=True, capture_output=True, text=True).stdout
original = re.search(r"libsentencepiece\S* => (\S+)", listed)[1]
lines = subprocess.run(["nm", "--dynamic", "--defined-only", original], check=True, capture_output=True, text=True).stdout
source = ["#include <stdlib.h>"]
for line in lines.splitlines():
    _, kind, name = line.split()[:3]
    name = name.split("@")[0]
    if "google8protobuf" not in name and "13sentencepiece" not in name:
        continue
    index = len(source)
    if kind in "TW" and not name.startswith("_ZT"):
        source.append(f'void f{index}(void) __asm__("{name}"); void f{index}(void) {{ abort(); }}')
    else:
        source.append(f'char d{index}[256] __asm__("{name}") = {{1}};')
assert len(source) > 1000, "libsentencepiece has fewer names than expected"
path = pathlib.Path(folder, "neighbour.c")
path.write_text("\n".join(source) + "\n")
library = path.with_name("libneighbour.so")
subprocess.run([compiler, "-shared", "-fPIC", "-w", str(path), "-o", str(library)], check=True)
sys.exit(subprocess.run([program, str(library), str(pathlib.Path(libdir, "libkandinsky.so")), model]).returncode)
