from __future__ import annotations

import ctypes

import numpy as np

from . import _handle
from ._arrays import BytesLike, Ids, IdsLike, byte_array, data, filled, ids
from ._handle import Closeable, Owner, call, make
from ._library import lib
from .errors import InvalidArgumentError


class Tokenizer(Closeable):
    """A YouTokenToMe or SentencePiece model: text to token ids and back. Threads may share one."""

    def __init__(self, path: _handle.Path) -> None:
        """`path`: bpe.model. What kind it is follows from its content."""
        self._owner = make("tokenizer", lib.tokenizer_load, _handle.path("path", path))

    @classmethod
    def from_bytes(cls, model: BytesLike, name: str = "<memory>") -> Tokenizer:
        """`name` stands for the path in messages."""
        array = byte_array(model)
        return cls._of(make("tokenizer", lib.tokenizer_load_memory, data(array), array.size, _handle.text("name", name)))

    @classmethod
    def _of(cls, owner: Owner) -> Tokenizer:
        tokenizer = cls.__new__(cls)
        tokenizer._owner = owner
        return tokenizer

    @property
    def vocab_size(self) -> int:
        return int(lib.tokenizer_vocab_size(self._handle))

    def encode(self, text: str) -> Ids:
        """Ids of the text as it is, int32."""
        return filled(np.int32, lib.tokenizer_encode, self._handle, _handle.text("text", text))

    def encode_for_transformer(self, text: str, length: int) -> Ids:
        """The transformer's input, `length` ids: lower-cased, stripped, with bos and eos, cut or padded."""
        return self._encode_to(lib.tokenizer_encode_for_transformer, text, length)

    def encode_for_ruclip(self, text: str, length: int = 77) -> Ids:
        """ruCLIP's input, `length` ids: its context length."""
        return self._encode_to(lib.tokenizer_encode_for_ruclip, text, length)

    def _encode_to(self, function: object, text: str, length: int) -> Ids:
        values = np.zeros(_handle.integer("length", length, 0, 2**24), np.int32)
        call(function, self._handle, _handle.text("text", text), data(values), values.size)  # type: ignore[arg-type]
        return values

    def decode(self, ids_: IdsLike) -> str:
        """The text of the ids, without pad, unknown, bos and eos."""
        array = ids("ids", ids_)
        if array.ndim > 1:
            raise InvalidArgumentError(f"ids: has shape {array.shape}, expected one row", "ids")
        buffer = make("buffer", lib.tokenizer_decode, self._handle, data(array), array.size)
        return ctypes.string_at(lib.buffer_data(buffer), lib.buffer_size(buffer)).decode("utf-8", "replace")
