"""Logits of the outside judge: mlx-lm in f32 on the same checkpoint directory."""

from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model


class MlxJudge:
    """An mlx-lm model with every float parameter raised to f32 (packed weights stay as they are)."""

    def __init__(self, directory: Path):
        mx.set_default_device(mx.cpu)
        self.model, _ = load_model(Path(directory), lazy=False)
        self.model.set_dtype(mx.float32)
        mx.eval(self.model.parameters())

    def logits(self, tokens: list[int]) -> np.ndarray:
        """f32 [len(tokens), vocab]: one prefill of the whole sequence."""
        cache = make_prompt_cache(self.model)
        out = self.model(mx.array([tokens]), cache=cache)
        return np.array(out[0].astype(mx.float32))
