"""Writes mlx-quantize.json: what MLX's own quantize makes of chosen values, for every format, bits and group.

Run with the packages of tests/oracle/requirements.txt: python tests/golden/mlx_quantize.py
"""

import base64
import json
import pathlib

import mlx.core as mx
import numpy as np

FORMATS = {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}
GROUPS = (32, 64, 128)
COLS = 128


def rows() -> np.ndarray:
    """Ordinary weights, and rows that meet the corners of the rule."""
    random = np.random.default_rng(20)
    values = random.standard_normal((10, COLS)).astype(np.float32) * 0.05
    values[1] = 0
    values[2] = 5
    values[3] = -3
    values[4] = np.abs(values[4])
    values[5] = -np.abs(values[5])
    values[6] *= 1e-8
    values[7] *= 1e5
    values[8] = np.where(np.arange(COLS) % 2 == 0, 0.5, -0.5)
    values[9] += 100
    return values


def raw(array: mx.array) -> str:
    mx.eval(array)
    if array.dtype in (mx.float16, mx.bfloat16):
        array = array.view(mx.uint16)
    return base64.b64encode(np.array(array).tobytes()).decode()


def main() -> None:
    values = rows()
    result = {"mlx": mx.__version__, "rows": values.shape[0], "cols": COLS, "inputs": {}, "cases": []}
    for name, dtype in FORMATS.items():
        inputs = mx.array(values).astype(dtype)
        result["inputs"][name] = raw(inputs)
        for group in GROUPS:
            for bits in (2, 3, 4, 5, 6, 8):
                weight, scales, biases = mx.quantize(inputs, group_size=group, bits=bits)
                case = {"format": name, "bits": bits, "group": group}
                result["cases"].append(
                    case | {"weight": raw(weight), "scales": raw(scales), "biases": raw(biases)}
                )
    path = pathlib.Path(__file__).with_name("mlx-quantize.json")
    path.write_text(json.dumps(result, indent=0) + "\n")


main()
