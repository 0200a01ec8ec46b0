from __future__ import annotations

from typing import Optional

import PIL.Image

from . import _handle
from ._arrays import BytesLike, byte_array, data
from ._compute import compute_options
from ._handle import Closeable
from ._image import ImageLike, owner_of, pillow_of
from ._library import lib
from ._run import Cancel, OnProgress, load, run_making
from ._structs import UpscaleOptions


class RealEsrgan(Closeable):
    """Real-ESRGAN: enlarges pictures 2, 4 or 8 times. Threads may share one."""

    def __init__(self, path: _handle.Path, *, device: str = "auto", dtype: str = "auto", threads: int = 0) -> None:
        self._owner = load("real_esrgan", lib.real_esrgan_load, _handle.path("path", path),
                           compute_options(device, dtype, threads))

    @classmethod
    def from_bytes(cls, checkpoint: BytesLike, *, name: str = "<memory>", device: str = "auto", dtype: str = "auto",
                   threads: int = 0) -> RealEsrgan:
        """The bytes are not copied and must not change; `name` stands for the path in messages."""
        array = byte_array(checkpoint)
        return cls._of(load("real_esrgan", lib.real_esrgan_load_memory, data(array), array.size,
                            _handle.text("name", name), compute_options(device, dtype, threads), keep=array))

    @property
    def scale(self) -> int:
        """2, 4 or 8."""
        return int(lib.real_esrgan_scale(self._handle))

    @property
    def parameter_count(self) -> int:
        return int(lib.real_esrgan_parameter_count(self._handle))

    def upscale(self, image: ImageLike, *, tile: int = 192, padding: int = 24, mirror: int = 15, batch: int = 4,
                reference: bool = False, progress: Optional[OnProgress] = None,
                cancel: Optional[Cancel] = None) -> PIL.Image.Image:
        """The picture, `scale` times larger.

        `tile`: side of a tile without its padding, in pixels of the input. `padding`: around every tile, `mirror`: around
        the whole picture, both dropped again. `batch`: tiles at a time, memory grows with it. `reference`: extend the
        picture to a multiple of `tile`, as the original does."""
        options = UpscaleOptions()
        lib.upscale_options_init(options)
        options.tile = _handle.integer("tile", tile)
        options.padding = _handle.integer("padding", padding)
        options.mirror = _handle.integer("mirror", mirror)
        options.batch = _handle.integer("batch", batch)
        options.reference = bool(reference)
        large = run_making("image", lib.real_esrgan_upscale, self._handle, owner_of(image), options=options,
                           progress=progress, cancel=cancel)
        return pillow_of(large.pointer)
