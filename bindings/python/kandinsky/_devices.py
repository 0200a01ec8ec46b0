from __future__ import annotations

from typing import NamedTuple

from ._handle import make
from ._library import lib, prepare_cuda


class Device(NamedTuple):
    """Something to compute on."""

    name: str
    """"cpu", "cuda:0" ...: what `device` takes."""
    description: str
    memory_total: int
    """In bytes."""
    memory_free: int
    """In bytes."""


def devices() -> list[Device]:
    """The CPU, then every usable CUDA device."""
    prepare_cuda()
    found = make("devices", lib.devices_list)
    return [Device(lib.devices_name(found, index).decode(), lib.devices_description(found, index).decode("utf-8", "replace"),
                   lib.devices_memory_total(found, index), lib.devices_memory_free(found, index))
            for index in range(lib.devices_count(found))]


def version() -> str:
    """Of the library that runs, "0.1.0"."""
    return str(lib.version().decode())


def torch_version() -> str:
    """The LibTorch that the library was built with."""
    return str(lib.torch_version().decode())
