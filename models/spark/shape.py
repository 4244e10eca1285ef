"""The sizes of spark, in one place.

The names are those of the family's config.json, so `export.py` can write
them out unchanged.  Every matrix has an input width that is a multiple of
64, because the shipped weights are quantised in groups of 64.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    vocab_size: int = 4096
    hidden_size: int = 384
    num_hidden_layers: int = 12
    full_attention_interval: int = 4
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    head_dim: int = 64
    partial_rotary_factor: float = 0.25
    rope_theta: float = 100000.0
    linear_num_key_heads: int = 4
    linear_num_value_heads: int = 8
    linear_key_head_dim: int = 64
    linear_value_head_dim: int = 64
    linear_conv_kernel_dim: int = 4
    num_experts: int = 64
    num_experts_per_tok: int = 8
    moe_intermediate_size: int = 64
    shared_expert_intermediate_size: int = 128
    rms_norm_eps: float = 1e-6
    max_position_embeddings: int = 8192

    @property
    def rotary_dim(self) -> int:
        return int(self.head_dim * self.partial_rotary_factor)

    @property
    def key_dim(self) -> int:
        return self.linear_num_key_heads * self.linear_key_head_dim

    @property
    def value_dim(self) -> int:
        return self.linear_num_value_heads * self.linear_value_head_dim

    def is_full_attention(self, layer: int) -> bool:
        return (layer + 1) % self.full_attention_interval == 0


SPARK = Shape()

# Small enough for a processor: the smoke test trains this one.
TINY = Shape(hidden_size=64, num_attention_heads=2, num_key_value_heads=1, head_dim=32,
             partial_rotary_factor=0.5, num_hidden_layers=4, linear_num_key_heads=1,
             linear_num_value_heads=2, linear_key_head_dim=32, linear_value_head_dim=32,
             num_experts=16, shared_expert_intermediate_size=64)
