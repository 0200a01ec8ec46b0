from __future__ import annotations

from typing import Any, Optional

import numpy as np

from .._arrays import Ids
from .._tokenizer import Tokenizer
from . import _weights
from .utils import next_seed


def get_tokenizer(path: Optional[Any] = None, cache_dir: Optional[Any] = None) -> YTTMTokenizerWrapper:
    if path is None:
        path = _weights.find("tokenizer", cache_dir, ["tokenizer/bpe.model"])
    return YTTMTokenizerWrapper(Tokenizer(path))


class YTTMTokenizerWrapper:
    eos_id = 3
    bos_id = 2
    unk_id = 1
    pad_id = 0

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __len__(self) -> int:
        return self.vocab_size()

    def get_pad_token_id(self) -> int:
        return self.pad_id

    def vocab_size(self) -> int:
        return self.tokenizer.vocab_size

    def encode_text(self, text: str, text_seq_length: int, bpe_dropout: float = 0.0) -> Ids:
        ids = self.tokenizer.encode(text, dropout=bpe_dropout, seed=next_seed(None) if bpe_dropout else 0)
        tokens = [self.bos_id, *ids.tolist(), self.eos_id]
        return self.prepare_tokens(tokens, text_seq_length)

    def decode_text(self, encoded: Any) -> str:
        return self.tokenizer.decode(np.asarray(encoded))

    @staticmethod
    def prepare_tokens(tokens: Any, text_seq_length: int) -> Ids:
        """Padded with zeros, or cut."""
        ids = np.zeros(text_seq_length, np.int32)
        kept = np.asarray(tokens, np.int32)[:text_seq_length]
        ids[: len(kept)] = kept
        return ids
