"""What calls of the library raise."""
from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """KANDINSKY_... of kandinsky.h."""

    OK = 0
    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    BAD_FILE = 3
    UNSUPPORTED = 4
    OUT_OF_MEMORY = 5
    CANCELLED = 6
    IO = 7
    INTERNAL = 8


class Error(Exception):
    """Base of everything that the library reports.

    `code` says what kind it is; `subject` names the file, option, field or tensor that it is about (may be empty). The
    message is one line and holds the subject too.
    """

    code: Status = Status.INTERNAL

    def __init__(self, message: str, subject: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return type(self), (self.message, self.subject)


class InvalidArgumentError(Error, ValueError):
    """A value is out of range or does not fit the model."""

    code = Status.INVALID_ARGUMENT


class NotFoundError(Error, FileNotFoundError):
    """A file, directory, tensor or device does not exist."""

    code = Status.NOT_FOUND


class BadFileError(Error, ValueError):
    """A file is damaged, hostile or of another kind than expected."""

    code = Status.BAD_FILE


class UnsupportedError(Error, NotImplementedError):
    """Well-formed, but something this build or device cannot do."""

    code = Status.UNSUPPORTED


class OutOfMemoryError(Error, MemoryError):
    """Of the host or of a device."""

    code = Status.OUT_OF_MEMORY


class CancelledError(Error):
    """A callback returned False, or a Cancel was triggered."""

    code = Status.CANCELLED


class InputOutputError(Error, OSError):
    """The system refused to read or write."""

    code = Status.IO


class InternalError(Error, RuntimeError):
    """A bug of the library: please report it."""

    code = Status.INTERNAL


_CLASSES: dict[int, type[Error]] = {
    int(kind.code): kind
    for kind in (InvalidArgumentError, NotFoundError, BadFileError, UnsupportedError, OutOfMemoryError, CancelledError,
                 InputOutputError, InternalError)
}


def from_status(status: int, message: str, subject: str) -> Error:
    return _CLASSES.get(status, InternalError)(message, subject)
