"""libkandinsky: ruDALL-E Kandinsky and its family turn Russian prompts into pictures.

    import kandinsky

    pipeline = kandinsky.Pipeline("models/emojich-nano")
    for picture in pipeline.generate("красное сердце на синем фоне", images=8, pick=4, seed=7):
        picture.image.save(f"heart-{picture.number}.png")

Models may be shared between threads. Everything that fails raises a subclass of kandinsky.Error.
"""
from ._checkpoint import Checkpoint, TensorInfo
from ._devices import Device, devices, torch_version, version
from ._image import Image, ImageLike
from ._pipeline import DefaultOptions, ImagePrompt, MemoryEstimate, OnPicture, Picture, Pipeline, estimate
from ._real_esrgan import RealEsrgan
from ._ruclip import Ranked, RuClip
from ._run import Cancel, OnPreview, OnProgress, OnTokens, Progress
from ._tokenizer import Tokenizer
from ._transformer import Drawn, Losses, Transformer, TransformerConfig
from ._vqgan import VqganDecoder
from .errors import (BadFileError, CancelledError, Error, InputOutputError, InternalError, InvalidArgumentError,
                     NotFoundError, OutOfMemoryError, Status, UnsupportedError)

__version__ = version()

__all__ = [
    "BadFileError", "Cancel", "CancelledError", "Checkpoint", "DefaultOptions", "Device", "Drawn", "Error", "Image",
    "ImageLike", "ImagePrompt", "InputOutputError", "InternalError", "InvalidArgumentError", "Losses",
    "MemoryEstimate", "NotFoundError", "OnPicture", "OnPreview", "OnProgress", "OnTokens", "OutOfMemoryError",
    "Picture", "Pipeline", "Progress", "Ranked", "RealEsrgan", "RuClip", "Status", "TensorInfo", "Tokenizer",
    "Transformer", "TransformerConfig", "UnsupportedError", "VqganDecoder", "devices", "estimate", "torch_version",
    "version",
]

# Public classes are known by their public names: in tracebacks, help() and pickles.
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
