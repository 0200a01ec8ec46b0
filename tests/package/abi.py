"""abi.py CAPI [--compiler CC] [--update]: compares the binary interface of kandinsky.h (functions, arguments, layout of
structs) with the one that is kept in CAPI/kandinsky.abi.

libabigail reads debug information, which a release build has not. So it is shown a library of empty functions with the
header's declarations: the compiler holds libkandinsky to the same header, and package.Symbols to the same functions.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("capi", type=pathlib.Path)
parser.add_argument("--compiler", default="cc")
parser.add_argument("--update", action="store_true")
arguments = parser.parse_args()
if not shutil.which("abidw") or not shutil.which("abidiff"):
    print("skipped: abidw and abidiff (Debian: abigail-tools) are not installed")
    sys.exit(77)

header = re.sub(r"/\*.*?\*/", "", (arguments.capi / "kandinsky.h").read_text(), flags=re.S)
functions = re.findall(r"KANDINSKY_C_API\s+([^;(]*?)(kandinsky_\w+)\s*(\([^;]*\));", header)
assert len(functions) > 100, "this script no longer understands the header"
source = ['#include "kandinsky.h"']
for result, name, parameters in functions:
    body = "{}" if result.strip() == "void" else f"{{ {result}none = 0; return none; }}"
    source.append(f"{result}({name}){parameters} {body}")

kept = arguments.capi / "kandinsky.abi"
with tempfile.TemporaryDirectory() as folder:
    stubs, library, now = (pathlib.Path(folder, name) for name in ("stubs.c", "libkandinsky.so", "kandinsky.abi"))
    stubs.write_text("\n".join(source) + "\n")
    subprocess.run([arguments.compiler, "-g", "-shared", "-fPIC", "-I", arguments.capi, stubs, "-o", library], check=True)
    subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--type-id-style", "hash", "--out-file",
                    now, library], check=True)
    if arguments.update:
        shutil.copy(now, kept)
        sys.exit(0)
    difference = subprocess.run(["abidiff", kept, now], capture_output=True, text=True)
if difference.returncode == 0:
    print(f"{len(functions)} functions as kept")
    sys.exit(0)
print(difference.stdout, difference.stderr)
print("What was there before must stay as it is, or KANDINSKY_C_ABI_VERSION must rise; functions, and fields at the end of "
      "structs with a struct_size, may be added. If that is so: python3 tests/package/abi.py capi --update")
sys.exit(1)
