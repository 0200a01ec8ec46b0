"""Owning C objects, and calling functions that can fail."""
from __future__ import annotations

import ctypes
import math
import operator
import os
from types import TracebackType
from typing import Any, Callable, Optional, SupportsIndex, TypeVar, Union

from ._library import lib
from ._structs import ErrorStruct
from .errors import InvalidArgumentError, from_status

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


def call(function: Callable[..., int], *arguments: Any) -> None:
    """function(*arguments, &error), and raises what it reports."""
    error = ErrorStruct()
    status = function(*arguments, ctypes.byref(error))
    if status != 0:
        raise from_status(status, error.message.decode("utf-8", "replace"), error.subject.decode("utf-8", "replace"))


class Owner:
    """A C object, released once nothing refers to it: results and running calls hold it too, so that closing a model in
    one thread while another uses it is harmless."""

    __slots__ = ("_as_parameter_", "_release", "_keep")

    def __init__(self, release: Callable[[ctypes.c_void_p], None], keep: Any = None) -> None:
        self._as_parameter_ = ctypes.c_void_p()  # filled by make()
        self._release = release
        self._keep = keep  # bytes that the object reads

    @property
    def pointer(self) -> int:
        assert self._as_parameter_.value is not None
        return self._as_parameter_.value

    def __del__(self) -> None:
        self._release(self._as_parameter_)


def make(kind: str, function: Callable[..., int], *arguments: Any, keep: Any = None) -> Owner:
    """function(*arguments, &made, &error): the new object. It has an owner before it is there: Ctrl-C, which Python may
    raise as soon as the function returns, leaks nothing."""
    owner = Owner(getattr(lib, f"{kind}_release"), keep)
    call(function, *arguments, ctypes.byref(owner._as_parameter_))
    return owner


_Self = TypeVar("_Self", bound="Closeable")


class Closeable:
    """A model: `with`, close(), or simply forgetting it give its memory back."""

    _owner: Optional[Owner] = None

    @classmethod
    def _of(cls: type[_Self], owner: Owner) -> _Self:
        """Of a C object that is there."""
        made = cls.__new__(cls)
        made._owner = owner
        return made

    @property
    def _handle(self) -> Owner:
        owner = self._owner
        if owner is None:
            raise ValueError(f"this {type(self).__name__} is closed")
        return owner

    @property
    def closed(self) -> bool:
        return self._owner is None

    def close(self) -> None:
        """Gives the memory back, when the calls that run have ended. Closing twice is fine."""
        self._owner = None

    def __enter__(self: _Self) -> _Self:
        self._handle
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<kandinsky.{type(self).__name__}{' (closed)' if self.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: load it where it is needed")


# ---- Arguments: ctypes would cut integers and texts without a word --------------------------------------------------


def integer(name: str, value: SupportsIndex, low: int = -2**31, high: int = 2**31 - 1) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if not low <= number <= high:
        raise InvalidArgumentError(f"{name}: is {number}, expected {low}..{high}", name)
    return number


def seed_number(value: SupportsIndex) -> int:
    return integer("seed", value, 0, 2**64 - 1)


def number(name: str, value: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}") from None


def positive(name: str, value: float, high: float = math.inf) -> float:
    given = number(name, value)
    if not 0 < given <= high or math.isinf(given):
        expected = "> 0" if math.isinf(high) else f"> 0 and <= {high:g}"
        raise InvalidArgumentError(f"{name}: is {given:g}, expected {expected}", name)
    return given


def probability(name: str, value: float) -> float:
    given = number(name, value)
    if not 0 <= given <= 1:
        raise InvalidArgumentError(f"{name}: is {given:g}, expected 0..1", name)
    return given


def text(name: str, value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise InvalidArgumentError(f"{name}: holds a zero character", name)
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"{name}: {error}", name) from None


def path(name: str, value: Path) -> bytes:
    try:
        encoded = os.fsencode(value)
    except TypeError:
        raise TypeError(f"{name} must be a path, not {type(value).__name__}") from None
    if b"\0" in encoded:
        raise InvalidArgumentError(f"{name}: holds a zero character", name)
    return encoded


def optional_path(name: str, value: Optional[Path]) -> Optional[bytes]:
    return None if value is None else path(name, value)
