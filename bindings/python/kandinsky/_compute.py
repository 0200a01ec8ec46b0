"""How a model computes: what all of them are loaded with."""
from __future__ import annotations

import logging
from typing import Any, Mapping, Optional

from . import _handle
from ._library import lib, prepare_cuda
from ._structs import ComputeOptions, LogCallback
from .errors import InvalidArgumentError

DTYPES: Mapping[str, int] = {"auto": 0, "fp32": 1, "bf16": 2, "fp16": 3}
_ALIASES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING)

_logger = logging.getLogger("kandinsky")
_logger.addHandler(logging.NullHandler())


def _log(_user: Any, level: int, message: bytes) -> None:
    try:
        _logger.log(_LEVELS[level] if 0 <= level < len(_LEVELS) else logging.INFO, "%s", message.decode("utf-8", "replace"))
    except Exception:  # of a handler: nothing may come out of a callback
        pass


_LOG = LogCallback(_log)


def dtype_number(dtype: str) -> int:
    name = str(dtype)
    if name.startswith("torch."):
        name = name[len("torch."):]
    number = DTYPES.get(_ALIASES.get(name, name))
    if number is None:
        raise InvalidArgumentError(f"dtype: is {dtype!r}, expected {', '.join(DTYPES)}", "dtype")
    return number


def fill(options: ComputeOptions, device: str, dtype: str, threads: int) -> ComputeOptions:
    options.device = _handle.text("device", device)
    if device != "cpu":
        prepare_cuda()
    options.precision = dtype_number(dtype)
    options.threads = _handle.integer("threads", threads)
    options.log = _LOG
    return options


def compute_options(device: str, dtype: str, threads: int) -> ComputeOptions:
    options = ComputeOptions()
    lib.compute_options_init(options)
    return fill(options, device, dtype, threads)


def dtype_name(precision: int) -> Optional[str]:
    return next((name for name, number in DTYPES.items() if number == precision), None)
