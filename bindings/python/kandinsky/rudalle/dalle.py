from __future__ import annotations

import dataclasses
import warnings
from typing import Any, NamedTuple, Optional

from .._transformer import Transformer, TransformerConfig
from ..errors import InvalidArgumentError
from . import _weights


class _Model(NamedTuple):
    filename: str
    preset: str


MODELS = {
    "Malevich": _Model("pytorch_model_v3.bin", "malevich"),
    "Malevich_v2": _Model("pytorch_model_v2.bin", "malevich-v2"),
    "Emojich": _Model("pytorch_model.bin", "emojich"),
    "Surrealist_XL": _Model("pytorch_model.bin", "surrealist"),
    "Kandinsky": _Model("pytorch_model.bin", "kandinsky"),
}

# The original's names of sizes, and of what matters in training alone.
_SIZES = {"num_layers": "layers", "hidden_size": "hidden", "num_attention_heads": "heads", "text_seq_length": "text_length",
          "image_tokens_per_dim": "grid", "vocab_size": "text_vocab", "image_vocab_size": "image_vocab",
          "cogview_sandwich_layernorm": "sandwich", "cogview_pb_relax": "relax"}
_TRAINING = {"embedding_dropout_prob", "attention_dropout_prob", "output_dropout_prob", "loss_img_weight", "is_bool_mask",
             "mlp_activation"}


def get_rudalle_model(name: str, pretrained: bool = True, fp16: bool = False, device: Any = "cpu",
                      use_auth_token: Optional[Any] = None, cache_dir: Optional[Any] = None,
                      **model_kwargs: Any) -> DalleModel:
    """`name`: one of MODELS. Its file is cache_dir/NAME/FILENAME, where the original put its download; or, for "Kandinsky",
    cache_dir/rudalle_kandinsky.bin, as in a weights directory: that may hold any model, whose sizes are found out."""
    if name not in MODELS:
        raise InvalidArgumentError(f"name: is {name!r}, expected {', '.join(MODELS)}", "name")
    _weights.need_pretrained(pretrained)
    unknown = set(model_kwargs) - set(_SIZES) - _TRAINING - {"local_files_only"}
    if unknown:
        raise TypeError(f"get_rudalle_model() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    model = MODELS[name]
    candidates = [f"{name}/{model.filename}"] + (["rudalle_kandinsky.bin"] if name == "Kandinsky" else [])
    path = _weights.find(f"{name} model", cache_dir, candidates)
    config = None if path.name == "rudalle_kandinsky.bin" else TransformerConfig.preset(model.preset)
    sizes = {_SIZES[key]: value for key, value in model_kwargs.items() if key in _SIZES}
    if sizes:
        config = dataclasses.replace(config or TransformerConfig.preset(model.preset), **sizes)
    return DalleModel(path, config, fp16, _weights.device_name(device))


class DalleModel(_weights.Module):
    def __init__(self, path: Any, config: Optional[TransformerConfig], fp16: bool, device: str) -> None:
        self._path, self._config, self._fp16 = path, config, fp16
        if fp16 and device == "cpu":
            warnings.warn("fp16 on the CPU: weights are kept in half precision, arithmetic is fp32", stacklevel=3)
        self.device = device
        self._load(device)

    def _load(self, device: str) -> None:
        self.transformer = Transformer(self._path, self._config, device=device, dtype="fp16" if self._fp16 else "fp32")

    def get_param(self, item: str) -> Any:
        config = self.transformer.config
        params = {"image_seq_length": config.grid**2, "total_seq_length": config.text_length + config.grid**2,
                  "total_vocab_size": config.text_vocab + config.image_vocab, "device": self.device}
        params.update({name: getattr(config, ours) for name, ours in _SIZES.items()})
        try:
            return params[item]
        except KeyError:
            raise AttributeError(f"a model has no parameter {item!r}: it has {', '.join(params)}") from None
