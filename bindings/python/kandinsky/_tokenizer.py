from __future__ import annotations

import ctypes
from typing import Sequence, SupportsIndex

import numpy as np

from . import _handle
from ._arrays import BytesLike, Ids, IdsLike, byte_array, copied_ids, data, filled, ids, texts as c_texts
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

    @property
    def vocab_size(self) -> int:
        return int(lib.tokenizer_vocab_size(self._handle))

    @property
    def kind(self) -> str:
        """"yttm" or "sentencepiece"."""
        return str(lib.tokenizer_kind(self._handle).decode())

    @property
    def pad_id(self) -> int:
        return int(lib.tokenizer_pad_id(self._handle))

    @property
    def unk_id(self) -> int:
        return int(lib.tokenizer_unk_id(self._handle))

    @property
    def bos_id(self) -> int:
        return int(lib.tokenizer_bos_id(self._handle))

    @property
    def eos_id(self) -> int:
        return int(lib.tokenizer_eos_id(self._handle))

    def encode(self, text: str, *, dropout: float = 0.0, seed: int = 0) -> Ids:
        """Ids of the text as it is, int32. `dropout`: BPE dropout, for training; every candidate merge is skipped with this
        probability, 0..1, and the same seed gives the same ids (a SentencePiece model: UnsupportedError)."""
        owner, given = self._handle, _handle.text("text", text)
        probability = _handle.probability("dropout", dropout)
        if probability == 0:
            return filled(np.int32, lib.tokenizer_encode, owner, given)
        return filled(np.int32, lib.tokenizer_encode_with_dropout, owner, given, probability, _handle.seed_number(seed))

    def encode_batch(self, texts: Sequence[str], *, threads: int = 0, dropout: float = 0.0, seed: int = 0) -> list[Ids]:
        """encode() of every text, in order, on up to `threads` threads (0: one a core). With dropout, text i is encoded with
        seed + i, and all on the calling thread."""
        owner, given = self._handle, c_texts("texts", texts)
        count = _handle.integer("threads", threads)
        if _handle.probability("dropout", dropout) != 0:
            first = _handle.seed_number(seed)
            return [self.encode(text, dropout=dropout, seed=(first + index) % 2**64) for index, text in enumerate(texts)]
        lists = make("token_lists", lib.tokenizer_encode_batch, owner, given, len(given), count)
        return [self._listed(lists, index) for index in range(lib.token_lists_count(lists))]

    @staticmethod
    def _listed(lists: Owner, index: int) -> Ids:
        count = ctypes.c_size_t()
        pointer = lib.token_lists_ids(lists, index, ctypes.byref(count))
        return copied_ids(pointer, count.value) if count.value else np.empty(0, np.int32)

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
        return _text_of(make("buffer", lib.tokenizer_decode, self._handle, data(array), array.size))

    def pieces(self, text: str) -> list[str]:
        """The subwords that encode() cuts the text into, with U+2581 for a word's start."""
        return [self.id_to_piece(number) for number in self.encode(text)]

    def id_to_piece(self, id: SupportsIndex) -> str:
        """The subword of an id, with U+2581 for a word's start."""
        return _text_of(make("buffer", lib.tokenizer_id_to_piece, self._handle, _handle.integer("id", id)))

    def piece_to_id(self, piece: str) -> int:
        """The id of a subword; unk_id if there is no such piece."""
        found = ctypes.c_int32()
        call(lib.tokenizer_piece_to_id, self._handle, _handle.text("piece", piece), found)
        return found.value


def _text_of(buffer: Owner) -> str:
    return ctypes.string_at(lib.buffer_data(buffer), lib.buffer_size(buffer)).decode("utf-8", "replace")
