from __future__ import annotations

import ctypes
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _handle
from ._arrays import BytesLike, byte_array, data
from ._handle import Closeable, Owner, make
from ._library import lib
from .errors import NotFoundError, UnsupportedError

# In the file, little-endian. bfloat16 is widened: numpy has no such type.
_DTYPES = {
    "float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2", "complex64": "<c8", "complex128": "<c16",
    "int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "i1", "uint8": "u1", "uint16": "<u2", "uint32": "<u4",
    "uint64": "<u8", "bool": "?",
}


class TensorInfo(NamedTuple):
    """A tensor of a checkpoint."""

    name: str
    """Dictionary keys and list indices joined by "/"."""
    dtype: str
    """torch's name: "float16", "bfloat16", "int64" ..."""
    shape: tuple[int, ...]

    @property
    def parameter_count(self) -> int:
        """Elements."""
        return math.prod(self.shape)


class Checkpoint(Closeable):
    """A torch.save file (zip or legacy), Lightning .ckpt, .pth, or safetensors: a directory of tensors. The file is
    memory-mapped, and nothing in it is executed. Threads may share one."""

    def __init__(self, path: _handle.Path) -> None:
        """What kind it is follows from its content."""
        self._owner = make("checkpoint", lib.checkpoint_open, _handle.path("path", path))
        self._tensors = _listed(self._owner)

    @classmethod
    def from_bytes(cls, file: BytesLike, name: str = "<memory>") -> Checkpoint:
        """The bytes are not copied and must not change; `name` stands for the path in messages."""
        array = byte_array(file)
        checkpoint = cls.__new__(cls)
        checkpoint._owner = make("checkpoint", lib.checkpoint_open_memory, data(array), array.size,
                                 _handle.text("name", name), keep=array)
        checkpoint._tensors = _listed(checkpoint._owner)
        return checkpoint

    @property
    def format(self) -> str:
        """"torch-zip", "torch-legacy" or "safetensors"."""
        return str(lib.checkpoint_format(self._handle).decode())

    @property
    def tensors(self) -> list[TensorInfo]:
        """In the order of the file."""
        self._handle
        return list(self._tensors)

    def read(self, name: str) -> npt.NDArray[Any]:
        """The elements of a tensor: a copy, of numpy's type of the same name; bfloat16 as float32, which holds the same
        numbers. UnsupportedError for types that numpy has not (complex32, float8_...): read_bytes()."""
        index = self._index(name)
        info = self._tensors[index]
        kind = _DTYPES.get(info.dtype)
        if kind is None:
            raise UnsupportedError(f"{name}: numpy has no {info.dtype}, expected {', '.join(_DTYPES)}", name)
        values = np.frombuffer(self._bytes(index), kind)
        if info.dtype == "bfloat16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.reshape(info.shape)

    def read_bytes(self, name: str) -> bytes:
        """The elements of a tensor in row-major order, little-endian."""
        return bytes(self._bytes(self._index(name)))

    def _index(self, name: str) -> int:
        self._handle
        for index, info in enumerate(self._tensors):
            if info.name == name:
                return index
        raise NotFoundError(f"{name}: there is no such tensor", str(name))

    def _bytes(self, index: int) -> bytearray:
        buffer = make("buffer", lib.checkpoint_read, self._handle, index)
        size = lib.buffer_size(buffer)
        return bytearray((ctypes.c_char * size).from_address(lib.buffer_data(buffer))) if size else bytearray()


def _listed(owner: Owner) -> list[TensorInfo]:
    found = []
    for index in range(lib.checkpoint_count(owner)):
        dimensions = ctypes.c_size_t()
        shape = lib.checkpoint_shape(owner, index, ctypes.byref(dimensions))
        found.append(TensorInfo(lib.checkpoint_name(owner, index).decode("utf-8", "replace"),
                                lib.checkpoint_dtype(owner, index).decode(), tuple(shape[: dimensions.value])))
    return found
