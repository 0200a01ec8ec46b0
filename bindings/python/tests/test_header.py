"""What this package says of kandinsky.h is true. The header may hold more: functions, and fields at the end of structs, for
which the first version's size stays valid."""
import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kandinsky import _functions, _structs, errors
from kandinsky._compute import DTYPES
from kandinsky._run import STAGES

HEADER = Path(os.environ["KANDINSKY_TEST_HEADER"]).read_text()
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)
STRUCTS = {
    "error": _structs.ErrorStruct, "progress": _structs.ProgressStruct, "loss_values": _structs.LossValues,
    "ranked": _structs.RankedStruct, "transformer_config": _structs.TransformerConfigStruct, **_structs.WITH_INIT,
    **_structs.WITH_INIT_SIZED,
}


def test_functions():
    declared = dict(re.findall(r"KANDINSKY_C_API [^;(]*?\bkandinsky_(\w+)\(([^;]*)\);", CODE))
    for name, (_, arguments) in _functions.SIGNATURES.items():
        parameters = declared[name].strip()
        assert (0 if parameters == "void" else parameters.count(",") + 1) == len(arguments), name


def test_structs():
    declared = {name: body for body, name in re.findall(r"typedef struct kandinsky_\w+ \{(.*?)\} kandinsky_(\w+);", CODE,
                                                        flags=re.S)}
    for name, struct in STRUCTS.items():
        ours = [field[0] for field in struct._fields_]
        theirs = re.findall(r"(\w+)(?:\[\d+\])?[,;]", declared[name])
        assert theirs[: len(ours)] == ours, name


def test_constants():
    constants = {name: int(value) for name, value in re.findall(r"\bKANDINSKY_(\w+) = (\d+)", CODE)}
    assert {status.name: int(status) for status in errors.Status} == {name: constants[name] for name in (
        "OK", "INVALID_ARGUMENT", "NOT_FOUND", "BAD_FILE", "UNSUPPORTED", "OUT_OF_MEMORY", "CANCELLED", "IO", "INTERNAL")}
    assert DTYPES == {name: constants[f"PRECISION_{name.upper()}"] for name in DTYPES}
    assert [constants[f"STAGE_{stage.upper()}"] for stage in STAGES] == [0, 1, 2, 3]
    assert int(re.search(r"KANDINSKY_C_ABI_VERSION (\d+)", CODE).group(1)) == _structs.ABI_VERSION
    assert ctypes.sizeof(_structs.ErrorStruct) == 4 + 1020 + 512


@pytest.mark.parametrize("library, message", [
    ("/nowhere/libkandinsky.so", "cannot open libkandinsky"),
    (None, "is not libkandinsky"),
])
def test_libraries_that_are_not_ours(library, message):
    from kandinsky._library import lib

    if library is None:  # some other library that is here for sure
        library = re.search(r"\S*/libc\.so\.6", Path("/proc/self/maps").read_text()).group()
    run = subprocess.run([sys.executable, "-c", "import kandinsky"], capture_output=True, text=True,
                         env={**os.environ, "KANDINSKY_LIBRARY": library})
    assert run.returncode == 1 and message in run.stderr.splitlines()[-1] and "ImportError" in run.stderr
    assert lib.path == os.environ["KANDINSKY_LIBRARY"]


def test_another_torch_in_the_process():
    script = ("import sys, types\n"
              "torch = types.ModuleType('torch'); torch.__version__ = '1.13.1+cpu'; sys.modules['torch'] = torch\n"
              "import kandinsky\n")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 1 and "torch 1.13.1+cpu is imported already" in run.stderr
