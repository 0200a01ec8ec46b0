from __future__ import annotations

import ctypes
import dataclasses
from typing import NamedTuple, Optional

import numpy as np

from . import _handle
from ._arrays import BytesLike, Floats, Ids, IdsLike, byte_array, copied_ids, data, filled, ids, square
from ._compute import compute_options, dtype_name
from ._handle import Closeable, Owner, call
from ._library import lib
from ._run import Cancel, OnProgress, OnTokens, Watch, load, run_making
from ._structs import DrawOptions, LossValues, TokensCallback, TransformerConfigStruct, initialised
from .errors import InvalidArgumentError


@dataclasses.dataclass
class TransformerConfig:
    """Sizes of a transformer."""

    layers: int
    hidden: int
    heads: int
    text_length: int
    """Text tokens."""
    grid: int
    """Image tokens along one side."""
    text_vocab: int
    """Padding ids included."""
    image_vocab: int
    version: int = 3
    """2 or 3."""
    sandwich: bool = True
    """Layer norms after attention and MLP too."""
    relax: bool = True
    """Precision-bottleneck relaxation."""

    @classmethod
    def preset(cls, name: str) -> TransformerConfig:
        """"kandinsky", "malevich", "malevich-v2", "emojich", "surrealist" or "nano"."""
        config = TransformerConfigStruct()
        call(lib.transformer_config_init, config, _handle.text("preset", name))
        return cls._of(config)

    @classmethod
    def _of(cls, config: TransformerConfigStruct) -> TransformerConfig:
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(cls)}
        return cls(**{**values, "sandwich": bool(config.sandwich), "relax": bool(config.relax)})

    def _struct(self) -> TransformerConfigStruct:
        config = TransformerConfigStruct()
        call(lib.transformer_config_init, config, None)
        for field in dataclasses.fields(self):
            setattr(config, field.name, _handle.integer(field.name, getattr(self, field.name)))
        return config


class Drawn(NamedTuple):
    """Image tokens of one picture."""

    number: int
    tokens: Ids
    """(grid, grid), int32."""
    ppl: float
    """Mean of exp(cross-entropy) of the ids after the first; lower is better."""


class Losses(NamedTuple):
    """Mean cross-entropies in nats; total = (text + 7 image) / 8."""

    text: float
    image: float
    total: float


class Transformer(Closeable):
    """Writes image tokens for text tokens. Never changes once loaded: threads may share one."""

    def __init__(self, path: _handle.Path, config: Optional[TransformerConfig] = None, *, device: str = "auto",
                 dtype: str = "auto", threads: int = 0) -> None:
        """`path`: a torch.save file (zip or legacy) or safetensors. `config`: found out from the file if None.
        `device`: "auto" (the first CUDA device, else the CPU), "cpu", "cuda", "cuda:N". `dtype`: "auto" (fp32 on the CPU,
        fp16 on a GPU), "fp32", "bf16", "fp16". `threads`: CPU threads of one call, 0 is one a core; does not change
        answers."""
        self._owner = load("transformer", lib.transformer_load, _handle.path("path", path), _struct(config),
                           compute_options(device, dtype, threads))

    @classmethod
    def from_bytes(cls, checkpoint: BytesLike, config: Optional[TransformerConfig] = None, *, name: str = "<memory>",
                   device: str = "auto", dtype: str = "auto", threads: int = 0) -> Transformer:
        """The bytes are not copied and must not change; `name` stands for the path in messages."""
        array = byte_array(checkpoint)
        return cls._of(load("transformer", lib.transformer_load_memory, data(array), array.size,
                            _handle.text("name", name), _struct(config), compute_options(device, dtype, threads),
                            keep=array))

    @property
    def config(self) -> TransformerConfig:
        config = TransformerConfigStruct()
        call(lib.transformer_config_init, config, None)
        call(lib.transformer_get_config, self._handle, config)
        return TransformerConfig._of(config)

    @property
    def parameter_count(self) -> int:
        return int(lib.transformer_parameter_count(self._handle))

    @property
    def device(self) -> str:
        """What was chosen: "cpu" or "cuda:N"."""
        return str(lib.transformer_device(self._handle).decode())

    @property
    def dtype(self) -> str:
        """What was chosen: "fp32", "bf16" or "fp16"."""
        return str(dtype_name(lib.transformer_precision(self._handle)))

    def draw(self, text: IdsLike, *, images: int = 1, first_number: int = 0, batch: int = 8, seed: int = 0,
             temperature: float = 1.0, top_k: int = 4096, top_p: float = 0.975, greedy: bool = False,
             forced: Optional[IdsLike] = None, progress: Optional[OnProgress] = None,
             preview: Optional[OnTokens] = None, preview_every: int = 0,
             cancel: Optional[Cancel] = None) -> list[Drawn]:
        """Image tokens of `images` pictures, numbered from `first_number`, in that order.

        `text`: the model's text_length ids, as from Tokenizer.encode_for_transformer. `forced`: grid * grid ids to keep,
        -1 where the model draws. `top_k`: keep the k likeliest ids, 0 keeps all; `top_p`: then the likeliest until their
        sum exceeds p. `greedy`: the likeliest id, always. A picture depends on text, sampling, forced ids, seed and its
        number alone, not on `batch`.

        `progress`: called after every token; `preview(number, tokens)`: for every picture in work, with its ids so far, every
        `preview_every` tokens (0: never). Returning False or raising stops, and so does `cancel`."""
        options = initialised(DrawOptions, lib.draw_options_init_sized)
        options.images = _handle.integer("images", images)
        options.first_number = _handle.integer("first_number", first_number)
        options.batch = _handle.integer("batch", batch)
        options.seed = _handle.seed_number(seed)
        options.temperature = _handle.positive("temperature", temperature)
        options.top_k = _handle.integer("top_k", top_k, 0)
        options.top_p = _handle.positive("top_p", top_p, 1)
        options.greedy = bool(greedy)
        options.preview_every = _handle.integer("preview_every", preview_every, 0)
        kept = None
        if forced is not None:
            kept = ids("forced", forced)
            options.forced, options.forced_count = data(kept), kept.size
        given = ids("text", text)
        drawn = run_making("drawn", lib.transformer_draw, self._handle, data(given), given.size, options=options,
                           progress=progress, cancel=cancel,
                           preview=Watch(TokensCallback, preview, lambda number, pointer, count:
                                         (number, copied_ids(pointer, count))))
        return [self._drawn(drawn, index) for index in range(lib.drawn_count(drawn))]

    @staticmethod
    def _drawn(drawn: Owner, index: int) -> Drawn:
        count = ctypes.c_size_t()
        pointer = lib.drawn_tokens(drawn, index, ctypes.byref(count))
        return Drawn(lib.drawn_number(drawn, index), square(copied_ids(pointer, count.value)), lib.drawn_ppl(drawn, index))

    def logits(self, text: IdsLike, image: IdsLike = ()) -> Floats:
        """Teacher-forced logits of text_length text ids and up to grid * grid image ids: a row of text_vocab +
        image_vocab floats for each id."""
        config = self.config
        given, drawn = ids("text", text), ids("image", image)
        values = filled(np.float32, lib.transformer_logits, self._handle, data(given), given.size, data(drawn), drawn.size)
        return values.reshape(-1, config.text_vocab + config.image_vocab)

    def losses(self, texts: IdsLike, images: IdsLike) -> Losses:
        """Over pairs: `texts` of shape (pairs, text_length), `images` of shape (pairs, grid * grid) or (pairs, grid, grid);
        without the first dimension, one pair."""
        config = self.config
        given, drawn = ids("texts", texts), ids("images", images)
        pairs = given.size // config.text_length
        for name, array, row in (("texts", given, config.text_length), ("images", drawn, config.grid**2)):
            if pairs == 0 or array.size != pairs * row:
                raise InvalidArgumentError(f"{name}: has shape {array.shape}, expected {max(pairs, 1)} rows of {row} ids",
                                           name)
        losses = LossValues()
        call(lib.transformer_losses, self._handle, data(given), data(drawn), pairs, losses)
        return Losses(losses.text, losses.image, losses.total)

    def ppl(self, text: IdsLike, image: IdsLike) -> float:
        """The perplexity score of a finished picture, grid * grid ids, by one pass: the number that drawing gives too."""
        given, drawn = ids("text", text), ids("image", image)
        found = ctypes.c_double()
        call(lib.transformer_ppl, self._handle, data(given), given.size, data(drawn), drawn.size, found)
        return found.value


def _struct(config: Optional[TransformerConfig]) -> Optional[TransformerConfigStruct]:
    return None if config is None else config._struct()
