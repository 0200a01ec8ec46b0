"""Pictures: 8-bit RGB, from and to Pillow, numpy and files."""
from __future__ import annotations

import ctypes
import os
from typing import Any, Iterable, Union

import numpy as np
import numpy.typing as npt
import PIL.Image

from . import _handle
from ._arrays import BytesLike, byte_array, data
from ._handle import Owner, call, make
from ._library import lib
from .errors import InvalidArgumentError

_FORMATS = {"png": 0, "jpeg": 1, "jpg": 1}
# Modes that Pillow turns into RGB as one would expect. Alpha is dropped.
_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"}


def _pixels(pointer: int) -> npt.NDArray[np.uint8]:
    """A view that lives as long as the image does."""
    height, width = lib.image_height(pointer), lib.image_width(pointer)
    row = lib.image_stride(pointer)
    rows = np.ctypeslib.as_array((ctypes.c_uint8 * (row * height)).from_address(lib.image_pixels(pointer)))
    return rows.reshape(height, row)[:, : width * 3].reshape(height, width, 3)


def pillow_of(pointer: int) -> PIL.Image.Image:
    """A copy."""
    return PIL.Image.fromarray(_pixels(pointer).copy())


class Image:
    """A picture of the library's: 8-bit RGB. Models take Pillow images, arrays and paths as well, and give Pillow images;
    this class is for reading and writing PNG and JPEG files exactly as the library does."""

    _owner: Owner

    def __init__(self, source: ImageLike) -> None:
        """A Pillow image, an array of shape (height, width, 3) or (height, width) and type uint8, or the path of a PNG or
        JPEG file. Pixels are copied."""
        if isinstance(source, Image):
            self._owner = source._owner
        elif isinstance(source, PIL.Image.Image):
            self._owner = _from_array(_array_of_pillow(source))
        elif isinstance(source, np.ndarray):
            self._owner = _from_array(source)
        else:
            try:
                path = _handle.path("image", source)
            except TypeError:
                raise TypeError("an image must be a Pillow image, a numpy array, a kandinsky.Image or a path, "
                                f"not {type(source).__name__}") from None
            self._owner = make("image", lib.image_load, path)

    @classmethod
    def open(cls, path: _handle.Path) -> Image:
        """A PNG or JPEG file, detected by content. Grey and palettes become RGB, alpha is dropped."""
        return cls._of(make("image", lib.image_load, _handle.path("path", path)))

    @classmethod
    def decode(cls, file: BytesLike) -> Image:
        """The bytes of a PNG or JPEG file."""
        array = byte_array(file)
        return cls._of(make("image", lib.image_decode, data(array), array.size))

    @classmethod
    def _of(cls, owner: Owner) -> Image:
        image = cls.__new__(cls)
        image._owner = owner
        return image

    @property
    def width(self) -> int:
        return int(lib.image_width(self._owner))

    @property
    def height(self) -> int:
        return int(lib.image_height(self._owner))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as Pillow has it."""
        return self.width, self.height

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "shape": (self.height, self.width, 3), "typestr": "|u1",
                "strides": (lib.image_stride(self._owner), 3, 1), "data": (lib.image_pixels(self._owner), True)}

    def numpy(self) -> npt.NDArray[np.uint8]:
        """The pixels, shape (height, width, 3): a read-only view, not a copy. It keeps the image alive."""
        return np.asarray(self)

    def pillow(self) -> PIL.Image.Image:
        """A copy."""
        return pillow_of(self._owner.pointer)

    def save(self, path: _handle.Path) -> None:
        """The format follows the name: .png, .jpg, .jpeg. The file is whole or not there."""
        call(lib.image_save, self._owner, _handle.path("path", path))

    def encode(self, format: str = "png", quality: int = 90) -> bytes:
        """The bytes of a "png" or "jpeg" file. quality: 1..100, matters for JPEG alone."""
        number = _FORMATS.get(format.lower() if isinstance(format, str) else format)
        if number is None:
            raise InvalidArgumentError(f"format: is {format!r}, expected 'png' or 'jpeg'", "format")
        buffer = make("buffer", lib.image_encode, self._owner, number, _handle.integer("quality", quality))
        return ctypes.string_at(lib.buffer_data(buffer), lib.buffer_size(buffer))

    def _repr_png_(self) -> bytes:
        return self.encode()

    def __repr__(self) -> str:
        return f"<kandinsky.Image {self.width}x{self.height}>"

    def __reduce__(self) -> Any:
        return Image, (self.numpy().copy(),)


ImageLike = Union[Image, PIL.Image.Image, "npt.NDArray[np.uint8]", _handle.Path]
"""What models take for a picture."""


def _array_of_pillow(image: PIL.Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode not in _MODES:
        raise InvalidArgumentError(f"image: has Pillow's mode {image.mode}, expected an 8-bit one like RGB", "image")
    return np.asarray(image.convert("RGB"))


def _from_array(array: npt.NDArray[Any]) -> Owner:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise InvalidArgumentError(f"image: is an array of shape {array.shape} and type {array.dtype}, expected "
                                   "(height, width, 3) or (height, width) and uint8", "image")
    if array.ndim == 2:
        array = np.repeat(array[:, :, np.newaxis], 3, axis=2)
    height, width = array.shape[:2]
    if not (1 <= width <= 65535 and 1 <= height <= 65535):
        raise InvalidArgumentError(f"image: is {width}x{height}, expected sides of 1..65535", "image")
    if array.strides[1:] != (3, 1) or array.strides[0] < width * 3:
        array = np.ascontiguousarray(array)
    return make("image", lib.image_new, width, height, array.strides[0], data(array))


def owner_of(image: ImageLike) -> Owner:
    return Image(image)._owner


def owners_of(images: Union[ImageLike, Iterable[ImageLike]]) -> list[Owner]:
    if isinstance(images, (Image, PIL.Image.Image, str, bytes, os.PathLike)):
        return [owner_of(images)]
    if isinstance(images, np.ndarray) and images.ndim != 4:
        return [owner_of(images)]
    if not isinstance(images, Iterable):
        raise TypeError(f"images must be pictures, not {type(images).__name__}")
    return [owner_of(image) for image in images]
