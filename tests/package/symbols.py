"""symbols.py LIBDIR SOURCE: libkandinsky exports the functions of kandinsky.h and what the C++ headers declare, no more."""
import pathlib
import re
import subprocess
import sys


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(library):
    lines = run("nm", "--dynamic", "--defined-only", "--demangle", str(library)).splitlines()
    return {line.split(" ", 2)[2] for line in lines}


libdir, source = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
library = libdir / "libkandinsky.so"
problems = []

header = re.sub(r"/\*.*?\*/", "", (source / "capi/kandinsky.h").read_text(), flags=re.S)
declared = set(re.findall(r"KANDINSKY_C_API[^;(]*?(kandinsky_\w+)\s*\(", header))
names = exported(library)
functions = {name for name in names if name.startswith("kandinsky_")}
problems += [f"declared in kandinsky.h, but not exported: {name}" for name in sorted(declared - functions)]
problems += [f"exported, but not declared in kandinsky.h: {name}" for name in sorted(functions - declared)]

text = "\n".join(path.read_text() for path in sorted((source / "include/kandinsky").glob("*")))
classes = set(re.findall(r"\b(?:class|struct) KANDINSKY_API (\w+)", text))
free = set(re.findall(r"^KANDINSKY_API [^;]*?\b(\w+)\(", text, flags=re.M))
for name in sorted(names - functions):
    plain = re.sub(r"\[abi:cxx11\]", "", name)
    match = re.match(r"(?:typeinfo (?:name )?for |vtable for )?kandinsky::(\w+)(::~?(\w+))?", plain)
    # What is nested in a class and has members of its own is an Impl, which nobody outside may know.
    if not match or not (match[1] in classes or (match[1] in free and not match[2])) or re.match(r"kandinsky::\w+::\w+::", plain):
        problems.append(f"exported, but in no public header: {name}")
if len(classes) < 15 or len(free) < 8 or len(declared) < 100:
    problems.append("this script no longer understands the headers")

module, = (libdir / "kandinsky").glob("kandinsky_sentencepiece-*.so")
if exported(module) - {"kandinsky_sentencepiece_make"}:
    extra = [name for name in exported(module) if "sentencepiece::" in name or "protobuf" in name]
    problems += [f"exported by {module.name}: {name}" for name in extra]

dynamic = run("readelf", "--dynamic", "--wide", str(library))
needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
problems += [f"needs {name}, whose names would meet others of the program" for name in needed
             if "sentencepiece" in name or "protobuf" in name]
soname, = re.findall(r"SONAME.*\[(.*)\]", dynamic)
major = re.search(r"KANDINSKY_C_ABI_VERSION (\d+)", header)[1]
if soname != f"libkandinsky.so.{major}":
    problems.append(f"SONAME is {soname}")
print(f"{len(functions)} C functions, {len(names) - len(functions)} C++ names, SONAME {soname}")
sys.exit("\n".join(problems) if problems else 0)
