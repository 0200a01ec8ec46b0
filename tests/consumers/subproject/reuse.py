#!/usr/bin/env python3
"""reuse.py COMPILE_COMMANDS COMPILER ARGUMENTS...: a compiler launcher that takes an object from the build that
COMPILE_COMMANDS belongs to, where that was made by the same command but for the object's name; else it compiles."""
import json
import os
import pathlib
import shlex
import shutil
import sys


def split(words):
    """The object, the file of dependencies, and all that says what the object holds."""
    names = {"-o": None, "-MF": None, "-MT": None}
    rest = []
    words = iter(words)
    for word in words:
        if word in names:
            names[word] = next(words)
        elif word != "-MD":
            rest.append(word)
    return names["-o"], names["-MF"], rest


commands = pathlib.Path(sys.argv[1])
target, dependencies, wanted = split(sys.argv[2:])
if target and wanted[-2:-1] == ["-c"]:
    for entry in json.loads(commands.read_text()):
        if entry["file"] != wanted[-1]:
            continue
        words = shlex.split(entry["command"])
        made, _, command = split(words[1:] if words[0].endswith("ccache") else words)
        made = pathlib.Path(entry["directory"], made)
        if command == wanted and made.exists() and made.stat().st_mtime >= os.stat(entry["file"]).st_mtime:
            shutil.copyfile(made, target)
            if dependencies:
                pathlib.Path(dependencies).write_text(f"{target}:\n")
            sys.exit(0)
print("compiling", wanted[-1], file=sys.stderr)
os.execvp(sys.argv[2], sys.argv[2:])
