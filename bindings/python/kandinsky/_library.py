"""Finds libkandinsky and the LibTorch that it needs, and opens them.

The library: $KANDINSKY_LIBRARY if it is set, else the one inside this package, else the system's.

LibTorch: a process can hold one alone. So where the `torch` package of the right version is installed, its libraries are
opened first (without importing it), and `import torch` works in the same process, before or after. Otherwise the library
takes the one it brings along or was built with.
"""
from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, Optional

from ._functions import SIGNATURES
from ._structs import ABI_VERSION, WITH_INIT, WITH_INIT_SIZED

_SONAME = f"libkandinsky.so.{ABI_VERSION}"


def _bundled() -> Optional[Path]:
    """The folder of the library in this package, which an editable installation keeps elsewhere than the modules."""
    folders = [Path(part) / "lib" for part in sys.modules[__package__].__path__]
    return next((folder for folder in folders if (folder / _SONAME).exists()), None)


def _plain(version: str) -> str:
    return version.split("+")[0]  # 2.11.0+cpu


def _folder_of_torch(version: str) -> Optional[Path]:
    try:
        spec = importlib.util.find_spec("torch")
        if spec is None or spec.origin is None or _plain(importlib.metadata.version("torch")) != version:
            return None
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent / "lib"


_libtorch: Optional[Path] = None  # the folder it was opened from


def _open_libtorch(bundled: Path, version: str) -> None:
    """Opened by path, it is what the library then finds by name."""
    global _libtorch
    for folder in (_folder_of_torch(version), bundled / "torch" / "lib"):
        if folder is not None and (folder / "libtorch_cpu.so").exists():
            for name in ("libc10.so", "libtorch_cpu.so"):
                ctypes.CDLL(str(folder / name))
            _libtorch = folder
            return


def prepare_cuda() -> None:
    """Opens the CUDA part of that LibTorch, which takes a second: when a device other than the CPU may be used. What is
    missing the library will say."""
    global _libtorch
    folder, _libtorch = _libtorch, None
    if folder is None or not (folder / "libtorch_cuda.so").exists():
        return
    try:
        ctypes.CDLL("libcuda.so.1")
        ctypes.CDLL(str(folder / "libtorch_cuda.so"), ctypes.RTLD_GLOBAL)
    except OSError:
        pass


def _check_imported_torch(version: str) -> None:
    imported = getattr(sys.modules.get("torch"), "__version__", None)
    if imported is not None and _plain(str(imported)) != version:
        raise ImportError(f"kandinsky needs LibTorch {version}, but torch {imported} is imported already, and a process "
                          f"can hold one alone: pip install torch=={version}, or use another process")


def _open() -> tuple[ctypes.CDLL, str]:
    chosen = os.environ.get("KANDINSKY_LIBRARY")
    bundled = _bundled()
    torch_version: Optional[str] = None
    if chosen:
        path = chosen
    elif bundled is not None:
        path = str(bundled / _SONAME)
        torch_version = (bundled / "libtorch-version").read_text(encoding="ascii").strip()
        _check_imported_torch(torch_version)
        _open_libtorch(bundled, torch_version)
    else:
        path = _SONAME
    try:
        return ctypes.CDLL(path), path
    except OSError as error:
        text = str(error)
        if "libtorch" in text or "libc10" in text:
            hint = f"install LibTorch: pip install torch=={torch_version or '2.11.0'}"
        elif path == _SONAME:
            hint = "this package came without its library: install the wheel, or set KANDINSKY_LIBRARY to its path"
        else:
            hint = "see the README of the Python binding for what it needs"
        raise ImportError(f"cannot open libkandinsky: {text} ({hint})") from None


def _check(library: ctypes.CDLL, path: str) -> None:
    try:
        abi = ctypes.CFUNCTYPE(ctypes.c_int32)(("kandinsky_abi_version", library))()
    except AttributeError:
        raise ImportError(f"{path} is not libkandinsky") from None
    if abi != ABI_VERSION:
        raise ImportError(f"{path} has ABI version {abi}, this package needs {ABI_VERSION}")
    other = f"{path} is of another version than this package"
    missing = [name for name in SIGNATURES if not hasattr(library, f"kandinsky_{name}")]
    if missing:
        raise ImportError(f"{other}: it has no kandinsky_{missing[0]}")
    for name, struct in {**WITH_INIT, **WITH_INIT_SIZED}.items():
        size = ctypes.sizeof(struct)
        filled = struct.from_buffer(ctypes.create_string_buffer(size + 4096))  # should its structs be larger
        if name in WITH_INIT_SIZED:
            getattr(library, f"kandinsky_{name}_init_sized")(ctypes.byref(filled), ctypes.c_size_t(size))
        else:
            getattr(library, f"kandinsky_{name}_init")(ctypes.byref(filled))
        if filled.struct_size != size:
            raise ImportError(f"{other}: it knows no kandinsky_{name} of {size} bytes")


class Library:
    """kandinsky_NAME of the header as NAME."""

    def __init__(self) -> None:
        library, self.path = _open()
        _check(library, self.path)
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, f"kandinsky_{name}")
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)
        _check_imported_torch(_plain(self.torch_version().decode()))

    def __getattr__(self, name: str) -> Any:  # for type checkers: all functions are set above
        raise AttributeError(f"kandinsky.h has no kandinsky_{name}")


lib = Library()
