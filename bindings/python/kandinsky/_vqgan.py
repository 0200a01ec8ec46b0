from __future__ import annotations

from typing import Optional, Union

import numpy as np
import PIL.Image

from . import _handle
from ._arrays import BytesLike, Ids, IdsLike, byte_array, data, filled, ids
from ._compute import compute_options
from ._handle import Closeable, make
from ._image import Image, ImageLike, pillow_of
from ._library import lib
from ._run import load
from .errors import InvalidArgumentError


def json_text(name: str, json: Optional[Union[str, bytes]]) -> Optional[bytes]:
    if isinstance(json, bytes):
        json = json.decode("utf-8")
    return None if json is None else _handle.text(name, json)


class VqganDecoder(Closeable):
    """A Gumbel-VQGAN: image tokens to pictures, and back. Threads may share one."""

    def __init__(self, path: _handle.Path, *, device: str = "auto", dtype: str = "auto", threads: int = 0) -> None:
        """`path`: a Lightning .ckpt; its config.json is looked for beside it, else it has the f8 model's sizes."""
        self._owner = load("vqgan", lib.vqgan_load, _handle.path("path", path), compute_options(device, dtype, threads))

    @classmethod
    def from_bytes(cls, checkpoint: BytesLike, config: Optional[Union[str, bytes]] = None, *, name: str = "<memory>",
                   device: str = "auto", dtype: str = "auto", threads: int = 0) -> VqganDecoder:
        """`config`: the text of a config.json, or None for the f8 model. The bytes are not copied and must not change."""
        array = byte_array(checkpoint)
        return cls._of(load("vqgan", lib.vqgan_load_memory, data(array), array.size, _handle.text("name", name),
                            json_text("config", config), compute_options(device, dtype, threads), keep=array))

    @property
    def downsampling(self) -> int:
        """Pixels a token, along one side."""
        return int(lib.vqgan_downsampling(self._handle))

    @property
    def codebook_size(self) -> int:
        return int(lib.vqgan_codebook_size(self._handle))

    @property
    def parameter_count(self) -> int:
        return int(lib.vqgan_parameter_count(self._handle))

    def decode(self, tokens: IdsLike) -> list[PIL.Image.Image]:
        """Pictures from ids of shape (count, height, width), each 0..codebook_size-1; (height, width) is one picture."""
        array = ids("tokens", tokens)
        if array.ndim == 2:
            array = array[np.newaxis]
        if array.ndim != 3 or array.size == 0:
            raise InvalidArgumentError(f"tokens: has shape {array.shape}, expected (count, height, width) or "
                                       "(height, width)", "tokens")
        count, height, width = array.shape
        images = make("images", lib.vqgan_decode, self._handle, data(array), count, height, width)
        return [pillow_of(lib.images_get(images, index)) for index in range(lib.images_count(images))]

    def encode(self, image: ImageLike) -> Ids:
        """Ids of a picture, shape (height, width). Its sides must be multiples of the pixels a token."""
        picture = Image(image)
        tokens = filled(np.int32, lib.vqgan_encode, self._handle, picture._owner)
        # The wavelet variant encodes a picture of half the size that it decodes: the count says which it is.
        rows = round((tokens.size * picture.height / picture.width) ** 0.5)
        return tokens.reshape(rows, -1)
