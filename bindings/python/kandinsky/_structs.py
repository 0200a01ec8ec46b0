"""The structs of kandinsky.h. Their sizes are compared with the library's when it is opened."""
from __future__ import annotations

import ctypes
from ctypes import c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any, TypeVar

ABI_VERSION = 0

# A callback must neither raise nor outlive what it refers to: see _run.py.
ProgressCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)
PreviewCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_int32, c_int32, c_void_p)
TokensCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_int32, c_void_p, c_size_t)
PictureCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)
LogCallback = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class ErrorStruct(ctypes.Structure):
    _fields_ = [("code", c_int32), ("message", c_char * 1020), ("subject", c_char * 512)]


class ProgressStruct(ctypes.Structure):
    _fields_ = [("stage", c_int32), ("step", c_int32), ("steps", c_int32), ("images", c_int32),
                ("number", c_int32)]


class ComputeOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("device", c_char_p), ("precision", c_int32), ("threads", c_int32),
                ("log", LogCallback), ("log_user", c_void_p)]


class TransformerConfigStruct(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("layers", c_int32), ("hidden", c_int32), ("heads", c_int32),
                ("text_length", c_int32), ("grid", c_int32), ("text_vocab", c_int32), ("image_vocab", c_int32),
                ("version", c_int32), ("sandwich", c_int32), ("relax", c_int32)]


class DrawOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("images", c_int32), ("first_number", c_int32), ("batch", c_int32),
                ("seed", c_uint64), ("temperature", c_double), ("top_k", c_int32), ("top_p", c_double),
                ("greedy", c_int32), ("forced", c_void_p), ("forced_count", c_size_t), ("progress", ProgressCallback),
                ("progress_user", c_void_p), ("cancel", c_void_p), ("preview", TokensCallback),
                ("preview_user", c_void_p), ("preview_every", c_int32)]


class LossValues(ctypes.Structure):
    _fields_ = [("text", c_double), ("image", c_double), ("total", c_double)]


class RankedStruct(ctypes.Structure):
    _fields_ = [("index", c_int32), ("score", c_float)]


class UpscaleOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("tile", c_int32), ("padding", c_int32), ("mirror", c_int32),
                ("batch", c_int32), ("reference", c_int32), ("progress", ProgressCallback), ("progress_user", c_void_p),
                ("cancel", c_void_p)]


class PipelineOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("compute", ComputeOptions), ("rank", c_int32), ("super_resolution", c_int32),
                ("transformer_config", ctypes.POINTER(TransformerConfigStruct)), ("transformer", c_char_p),
                ("tokenizer", c_char_p), ("vqgan", c_char_p), ("ruclip", c_char_p), ("real_esrgan", c_char_p),
                ("generation_config", c_char_p)]


class MemoryEstimateStruct(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("transformer_parameters", c_int64), ("vqgan_parameters", c_int64),
                ("ruclip_parameters", c_int64), ("real_esrgan_parameters", c_int64), ("weight_bytes", c_uint64),
                ("cache_bytes", c_uint64), ("total_bytes", c_uint64)]


class GenerateOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("images", c_int32), ("pick", c_int32), ("top_k", c_int32),
                ("top_p", c_double), ("temperature", c_double), ("greedy", c_int32), ("seed", c_uint64),
                ("batch", c_int32), ("rank", c_int32), ("super_resolution", c_int32), ("image_prompt", c_void_p),
                ("up", c_int32), ("down", c_int32), ("left", c_int32), ("right", c_int32), ("crop_first", c_int32),
                ("progress", ProgressCallback), ("progress_user", c_void_p), ("preview", PreviewCallback),
                ("preview_user", c_void_p), ("preview_every", c_int32), ("cancel", c_void_p),
                ("picture", PictureCallback), ("picture_user", c_void_p)]


_Options = TypeVar("_Options", bound=ctypes.Structure)

# Structs that have a kandinsky_..._init function of one parameter.
WITH_INIT: dict[str, type[ctypes.Structure]] = {
    "compute_options": ComputeOptions,
    "upscale_options": UpscaleOptions,
    "pipeline_options": PipelineOptions,
    "memory_estimate": MemoryEstimateStruct,
}
# Those that have grown: kandinsky_..._init_sized is told which version it fills.
WITH_INIT_SIZED: dict[str, type[ctypes.Structure]] = {
    "draw_options": DrawOptions,
    "generate_options": GenerateOptions,
}


def initialised(struct: type[_Options], init_sized: Any) -> _Options:
    options = struct()
    init_sized(options, ctypes.sizeof(struct))
    return options
