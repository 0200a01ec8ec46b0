"""numpy arrays in and out."""
from __future__ import annotations

import ctypes
from typing import Any, Callable, Iterable, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._handle import Owner, call, text
from .errors import InvalidArgumentError

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
IdsLike = Union[npt.NDArray[Any], Sequence[int], Sequence[Sequence[int]], Sequence[Sequence[Sequence[int]]]]
BytesLike = Union[bytes, bytearray, memoryview, npt.NDArray[Any]]


def ids(name: str, values: IdsLike) -> Ids:
    """Token ids as the library takes them: int32, contiguous."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise InvalidArgumentError(f"{name}: has rows of different lengths", name) from None
    if array.size == 0:
        array = array.astype(np.int32)
    if array.dtype.kind not in "iu":
        raise InvalidArgumentError(f"{name}: has type {array.dtype}, expected integers", name)
    if array.size and not (-2**31 <= int(array.min()) and int(array.max()) < 2**31):
        raise InvalidArgumentError(f"{name}: holds numbers that are no token ids", name)
    return np.ascontiguousarray(array, dtype=np.int32)


def data(array: Optional[npt.NDArray[Any]]) -> Optional[int]:
    return None if array is None else array.ctypes.data


def filled(dtype: Any, function: Callable[..., int], *arguments: Any) -> npt.NDArray[Any]:
    """The values of a function that ends in `values, capacity, &count, &error`."""
    count = ctypes.c_size_t()
    call(function, *arguments, None, 0, ctypes.byref(count))
    values = np.empty(count.value, dtype)
    if count.value:
        call(function, *arguments, data(values), values.size, ctypes.byref(count))
    return values


def copied_ids(pointer: int, count: int) -> Ids:
    return np.ctypeslib.as_array((ctypes.c_int32 * count).from_address(pointer)).copy()


def square(values: Ids) -> Ids:
    side = int(values.size**0.5)
    return values.reshape(side, side)


def texts(name: str, values: Union[str, Sequence[str]]) -> Any:
    """A char *[]."""
    if isinstance(values, str):
        values = [values]
    elif not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a str or a list of them, not {type(values).__name__}")
    encoded = [text(name, value) for value in values]
    return (ctypes.c_char_p * len(encoded))(*encoded)


def handles(owners: Sequence[Owner]) -> Any:
    return (ctypes.c_void_p * len(owners))(*[owner.pointer for owner in owners])


def byte_array(bytes_like: BytesLike) -> npt.NDArray[np.uint8]:
    """A view, not a copy."""
    if isinstance(bytes_like, np.ndarray):
        return np.ascontiguousarray(bytes_like).reshape(-1).view(np.uint8)
    try:
        return np.frombuffer(bytes_like, dtype=np.uint8)
    except (TypeError, BufferError):
        raise TypeError(f"expected bytes, not {type(bytes_like).__name__}") from None
    except ValueError:  # numpy refuses empty ones
        return np.empty(0, np.uint8)
