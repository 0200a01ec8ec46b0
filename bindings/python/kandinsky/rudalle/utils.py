from __future__ import annotations

import os
import random
import sys
from typing import Optional

import numpy as np

_seeds = random.Random()


def seed_everything(seed: int) -> None:
    """Python's, numpy's and, if it is imported, torch's generator; and the seeds that generate_images takes if it is given
    none."""
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    np.random.seed(seed)
    _seeds.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def next_seed(seed: Optional[int]) -> int:
    """Of one call of generate_images."""
    if seed is None:
        return _seeds.getrandbits(64)
    seed_everything(seed)
    return seed
