from __future__ import annotations

import ctypes
import dataclasses
from typing import Any, Callable, NamedTuple, Optional, Union

import PIL.Image

from . import _handle, _compute
from ._arrays import Ids, copied_ids, square
from ._handle import Closeable, Owner, call, make
from ._image import ImageLike, owner_of, pillow_of
from ._library import lib
from ._real_esrgan import RealEsrgan
from ._ruclip import RuClip
from ._run import Cancel, OnPreview, OnProgress, Watch, load, run_making
from ._structs import (GenerateOptions, MemoryEstimateStruct, PictureCallback, PipelineOptions, PreviewCallback,
                       initialised)
from ._tokenizer import Tokenizer
from ._transformer import Transformer, TransformerConfig
from ._vqgan import VqganDecoder
from .errors import NotFoundError


@dataclasses.dataclass
class ImagePrompt:
    """A picture to go on from: grid * 8 pixels a side. `up`, `down`, `left`, `right`: its borders that are kept, in
    tokens of 8 pixels. `crop_first`: encode every border strip on its own."""

    image: ImageLike
    up: int = 0
    down: int = 0
    left: int = 0
    right: int = 0
    crop_first: bool = False


@dataclasses.dataclass
class Picture:
    """A picture that was drawn and kept."""

    image: PIL.Image.Image
    number: int
    """Which of the drawn images."""
    seed: int
    ppl: float
    """Lower is better."""
    clip_score: Optional[float]
    """Cosine of picture and prompt; None if it was not ranked by ruCLIP."""
    tokens: Ids
    """(grid, grid), int32."""

    def __repr__(self) -> str:
        score = "" if self.clip_score is None else f", clip_score {self.clip_score:.3f}"
        return f"<kandinsky.Picture {self.number}: {self.image.width}x{self.image.height}, ppl {self.ppl:.1f}{score}>"

    def _repr_png_(self) -> Any:
        return self.image._repr_png_()


OnPicture = Callable[[Picture], Optional[bool]]
"""Called with every kept picture as soon as it is complete, best first. Returning False cancels, an exception cancels and
comes out of the call; the pictures that were handed over stay."""


class DefaultOptions(NamedTuple):
    """What a model is drawn with where generate() is not told otherwise."""

    top_k: int
    top_p: float
    temperature: float


class MemoryEstimate(NamedTuple):
    """What loading would take, in parameters and bytes; what a directory lacks is 0."""

    transformer_parameters: int
    vqgan_parameters: int
    ruclip_parameters: int
    real_esrgan_parameters: int
    weight_bytes: int
    """Of all weights, in memory."""
    cache_bytes: int
    """Keys, values and buffers of the token loop."""
    total_bytes: int


def _options(device: str, dtype: str, threads: int, rank: bool, super_resolution: bool,
             config: Optional[TransformerConfig], files: dict[str, Optional[_handle.Path]]) -> PipelineOptions:
    options = PipelineOptions()
    lib.pipeline_options_init(options)
    _compute.fill(options.compute, device, dtype, threads)
    options.rank = bool(rank)
    options.super_resolution = bool(super_resolution)
    if config is not None:
        options.transformer_config = ctypes.pointer(config._struct())
    for name, path in files.items():
        setattr(options, name, _handle.optional_path(name, path))
    return options


def estimate(directory: _handle.Path, *, batch: int = 8, device: str = "auto", dtype: str = "auto", rank: bool = True,
             super_resolution: bool = True, transformer_config: Optional[TransformerConfig] = None,
             transformer: Optional[_handle.Path] = None, tokenizer: Optional[_handle.Path] = None,
             vqgan: Optional[_handle.Path] = None, ruclip: Optional[_handle.Path] = None,
             real_esrgan: Optional[_handle.Path] = None,
             generation_config: Optional[_handle.Path] = None) -> MemoryEstimate:
    """What Pipeline(directory, ...) would take, drawing `batch` pictures at once. Reads the files' directories alone."""
    options = _options(device, dtype, 0, rank, super_resolution, transformer_config,
                       dict(transformer=transformer, tokenizer=tokenizer, vqgan=vqgan, ruclip=ruclip,
                            real_esrgan=real_esrgan, generation_config=generation_config))
    found = MemoryEstimateStruct()
    lib.memory_estimate_init(found)
    call(lib.pipeline_estimate, _handle.path("directory", directory), options, _handle.integer("batch", batch), found)
    return MemoryEstimate(**{name: getattr(found, name) for name in MemoryEstimate._fields})


class Pipeline(Closeable):
    """The whole way from a prompt to ranked, enlarged pictures. Never changes once loaded: threads may share one."""

    def __init__(self, directory: _handle.Path, *, device: str = "auto", dtype: str = "auto", threads: int = 0,
                 rank: bool = True, super_resolution: bool = True,
                 transformer_config: Optional[TransformerConfig] = None, transformer: Optional[_handle.Path] = None,
                 tokenizer: Optional[_handle.Path] = None, vqgan: Optional[_handle.Path] = None,
                 ruclip: Optional[_handle.Path] = None, real_esrgan: Optional[_handle.Path] = None,
                 generation_config: Optional[_handle.Path] = None) -> None:
        """`directory`: a weights directory (the project's README says what lies where).

        `device`: "auto" (the first CUDA device, else the CPU), "cpu", "cuda", "cuda:N". `dtype`: "auto" (fp32 on the CPU,
        fp16 on a GPU), "fp32", "bf16", "fp16". `threads`: CPU threads of one call, 0 is one a core; does not change
        answers. `rank`, `super_resolution`: False leaves ruCLIP or Real-ESRGAN unloaded. The others name files (`ruclip`: a
        directory) that lie elsewhere than in `directory`.

        What is loaded goes to the logger "kandinsky". Raises Error, as all that follows."""
        options = _options(device, dtype, threads, rank, super_resolution, transformer_config,
                           dict(transformer=transformer, tokenizer=tokenizer, vqgan=vqgan, ruclip=ruclip,
                                real_esrgan=real_esrgan, generation_config=generation_config))
        self._owner = load("pipeline", lib.pipeline_load, _handle.path("directory", directory), options)

    @classmethod
    def from_parts(cls, tokenizer: Tokenizer, transformer: Transformer, vqgan: VqganDecoder,
                   ruclip: Optional[RuClip] = None, real_esrgan: Optional[RealEsrgan] = None) -> Pipeline:
        """Of parts that are loaded already, from memory for one. It shares their weights and may outlive them."""
        given: list[tuple[str, type[Closeable], Optional[Closeable]]] = [
            ("tokenizer", Tokenizer, tokenizer), ("transformer", Transformer, transformer), ("vqgan", VqganDecoder, vqgan),
            ("ruclip", RuClip, ruclip), ("real_esrgan", RealEsrgan, real_esrgan)]
        parts: list[Optional[Owner]] = []
        for name, kind, part in given:
            if isinstance(part, kind):
                parts.append(part._handle)
            elif part is None and name in ("ruclip", "real_esrgan"):
                parts.append(None)
            else:
                raise TypeError(f"{name} must be a {kind.__name__}, not {type(part).__name__}")
        pipeline = cls.__new__(cls)
        pipeline._owner = make("pipeline", lib.pipeline_new, *parts,
                               keep=[part._keep for part in parts if part is not None])
        return pipeline

    @property
    def default_options(self) -> DefaultOptions:
        """What this model's files say, else the defaults."""
        options = initialised(GenerateOptions, lib.generate_options_init_sized)
        call(lib.pipeline_default_options, self._handle, options)
        return DefaultOptions(options.top_k, options.top_p, options.temperature)

    def generate(self, prompt: str, *, images: int = 8, pick: int = 4, top_k: Optional[int] = None,
                 top_p: Optional[float] = None, temperature: Optional[float] = None, greedy: bool = False, seed: int = 0,
                 batch: int = 8, rank: bool = True, super_resolution: bool = True,
                 image_prompt: Optional[ImagePrompt] = None, progress: Optional[OnProgress] = None,
                 preview: Optional[OnPreview] = None, preview_every: int = 0, picture: Optional[OnPicture] = None,
                 cancel: Optional[Cancel] = None) -> list[Picture]:
        """Draws `images` pictures (1..4096), keeps the `pick` best, best first.

        `top_k` (0 keeps all ids), `top_p` (0 < p <= 1), `temperature` (> 0): None is the model's own, else 4096, 0.975 and
        1. `greedy`: the likeliest id, always. `seed`: 0..2**64-1; a picture depends on prompt, sampling, seed and its number
        alone. `batch`: pictures in one step. `rank`: False keeps by ppl, not by ruCLIP. `super_resolution`: False does not
        enlarge. `progress(Progress)` is called after every token and picture, `preview(number, tokens, image)` every
        `preview_every` tokens (0: never), `picture(Picture)` with every kept picture as soon as it is complete, best first;
        returning False or raising stops. `cancel`: stops it from another thread.

        Ctrl-C stops it within a token, and KeyboardInterrupt comes out. Other threads run on meanwhile."""
        options = initialised(GenerateOptions, lib.generate_options_init_sized)
        options.images = _handle.integer("images", images)
        options.pick = _handle.integer("pick", pick)
        if top_k is not None:
            options.top_k = _handle.integer("top_k", top_k, 0)
        if top_p is not None:
            options.top_p = _handle.positive("top_p", top_p, 1)
        if temperature is not None:
            options.temperature = _handle.positive("temperature", temperature)
        options.greedy = bool(greedy)
        options.seed = _handle.seed_number(seed)
        options.batch = _handle.integer("batch", batch)
        options.rank = bool(rank)
        options.super_resolution = bool(super_resolution)
        options.preview_every = _handle.integer("preview_every", preview_every, 0)
        kept = None  # until the call is over
        if image_prompt is not None:
            if not isinstance(image_prompt, ImagePrompt):
                raise TypeError(f"image_prompt must be an ImagePrompt, not {type(image_prompt).__name__}")
            kept = owner_of(image_prompt.image)
            options.image_prompt = kept.pointer
            for name in ("up", "down", "left", "right"):
                setattr(options, name, _handle.integer(name, getattr(image_prompt, name)))
            options.crop_first = bool(image_prompt.crop_first)
        pictures = run_making("pictures", lib.pipeline_generate, self._handle, _handle.text("prompt", prompt),
                              options=options, progress=progress, cancel=cancel,
                              preview=Watch(PreviewCallback, preview, lambda number, tokens, image:
                                            (number, tokens, pillow_of(image))),
                              picture=Watch(PictureCallback, picture, lambda complete: (_picture(complete, 0),)))
        del kept
        return [_picture(pictures, index) for index in range(lib.pictures_count(pictures))]

    # The parts, as models of their own that share this pipeline's weights and may outlive it.

    def _part(self, kind: str) -> Owner:
        owner = self._handle
        return make(kind, getattr(lib, f"pipeline_{kind}"), owner, keep=owner._keep)  # those of from_bytes

    @property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer._of(self._part("tokenizer"))

    @property
    def transformer(self) -> Transformer:
        return Transformer._of(self._part("transformer"))

    @property
    def vqgan(self) -> VqganDecoder:
        return VqganDecoder._of(self._part("vqgan"))

    @property
    def ruclip(self) -> Optional[RuClip]:
        """None if the pipeline has none."""
        try:
            return RuClip._of(self._part("ruclip"))
        except NotFoundError:
            return None

    @property
    def real_esrgan(self) -> Optional[RealEsrgan]:
        """None if the pipeline has none."""
        try:
            return RealEsrgan._of(self._part("real_esrgan"))
        except NotFoundError:
            return None


def _picture(pictures: Union[Owner, int], index: int) -> Picture:
    count = ctypes.c_size_t()
    tokens = lib.pictures_tokens(pictures, index, ctypes.byref(count))
    ranked = lib.pictures_has_clip_score(pictures, index)
    return Picture(image=pillow_of(lib.pictures_image(pictures, index)), number=lib.pictures_number(pictures, index),
                   seed=lib.pictures_seed(pictures, index), ppl=lib.pictures_ppl(pictures, index),
                   clip_score=lib.pictures_clip_score(pictures, index) if ranked else None,
                   tokens=square(copied_ids(tokens, count.value)))
