"""Parameters of a request, with the original service's names and defaults."""
from __future__ import annotations

import base64
import binascii
import dataclasses
import math
import secrets
from typing import Any, Callable, Mapping, Optional

from .failure import Failure, bad, known

MAX_QUERY_BYTES = 8192


@dataclasses.dataclass(frozen=True)
class ImagePrompt:
    """Part of a picture to go on from: `file` is a PNG or JPEG, the borders are in tokens of 8 pixels."""

    file: bytes
    up: int = 0
    down: int = 0
    left: int = 0
    right: int = 0
    crop_first: bool = False


@dataclasses.dataclass(frozen=True)
class Params:
    """null counts as absent. None: the model's default, for `seed` a random one below 2^53, for `timeout` the service's."""

    images_to_gen: int = 8
    images_to_cherry_pick: int = 4
    top_k: Optional[int] = None
    top_p: Optional[float] = None
    temperature: Optional[float] = None
    super_res: bool = True
    seed: int = 0
    format: str = "jpeg"
    quality: int = 95
    details: bool = False
    timeout: Optional[float] = None
    image_prompt: Optional[ImagePrompt] = None

    @classmethod
    def of(cls, where: str, given: object, max_images: int) -> Params:
        """Checks a JSON object. Failure names the field below `where`, its value and what was expected."""
        if not isinstance(given, Mapping):
            raise bad(where, given, "an object")
        count = _integer(1, max_images)
        checks = {"images_to_gen": count, "images_to_cherry_pick": count, **_CHECKS}
        known(where, given, checks)
        values = {name: checks[name](f"{where}.{name}", value) for name, value in given.items() if value is not None}
        values.pop("preview_every", None)  # means something to the native server's :stream alone
        images = values.setdefault("images_to_gen", min(cls.images_to_gen, max_images))
        pick = values.setdefault("images_to_cherry_pick", min(cls.images_to_cherry_pick, images))
        if pick > images:
            raise bad(f"{where}.images_to_cherry_pick", pick, f"an integer from 1 to images_to_gen ({images})")
        values.setdefault("seed", secrets.randbelow(2**53))
        return cls(**values)


def query_of(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise bad(where, value, "a string")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise Failure(400, f"{where}: is not valid UTF-8") from None
    if size > MAX_QUERY_BYTES:
        raise Failure(400, f"{where}: has {size} bytes, at most {MAX_QUERY_BYTES} are allowed")
    return value


def _integer(low: int, high: int) -> Callable[[str, Any], int]:
    def check(where: str, value: Any) -> int:
        whole = int(value) if type(value) is float and value.is_integer() else value  # 2.0 is a whole number
        if type(whole) is not int or not low <= whole <= high:
            raise bad(where, value, f"an integer from {low} to {high}")
        return whole
    return check


def _number(expected: str, fits: Callable[[float], bool]) -> Callable[[str, Any], float]:
    def check(where: str, value: Any) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not fits(value):
            raise bad(where, value, expected)
        return float(value)
    return check


def _boolean(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise bad(where, value, "true or false")
    return value


def _format(where: str, value: Any) -> str:
    if value not in ("jpeg", "png"):
        raise bad(where, value, '"jpeg" or "png"')
    return str(value)


def _image_prompt(where: str, value: Any) -> ImagePrompt:
    if not isinstance(value, Mapping):
        raise bad(where, value, "an object")
    checks = {"image": _base64, **dict.fromkeys(("up", "down", "left", "right"), _integer(0, 256)), "crop_first": _boolean}
    known(where, value, checks)
    if value.get("image") is None:
        raise Failure(400, f"{where}.image: is missing")
    values = {name: checks[name](f"{where}.{name}", item) for name, item in value.items() if item is not None}
    prompt = ImagePrompt(file=values.pop("image"), **values)
    if not (prompt.up or prompt.down or prompt.left or prompt.right):
        raise Failure(400, f"{where}: up, down, left and right are all 0, expected one above 0")
    return prompt


def _base64(where: str, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Failure(400, f"{where}: is not base64") from None


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "top_k": _integer(0, 2**31 - 1),
    "top_p": _number("a number above 0, at most 1", lambda value: 0 < value <= 1),
    "temperature": _number("a number from 0.000001 to 1000", lambda value: 1e-6 <= value <= 1000),
    "super_res": _boolean,
    "seed": _integer(0, 2**64 - 1),
    "format": _format,
    "quality": _integer(1, 100),
    "details": _boolean,
    "timeout": _number("a number of seconds above 0", lambda value: value > 0),
    "image_prompt": _image_prompt,
    "preview_every": _integer(0, 65536),
}
