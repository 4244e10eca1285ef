#!/usr/bin/env python3
"""A random-weight GGUF of a Qwen3.5-MoE shape at Q4_K, for timing llama.cpp on what flashmoe's `synth` writes in its own
layout; it says nothing sensible. Needs numpy and gguf from PyPI. The default shape is that of 35B-A3B, 18.2 GiB.

usage: random_gguf.py OUT.gguf [--layers 40] [--experts 256] [--experts-per-token 8] [--hidden 2048] [--expert-width 512] ...
"""

import argparse
import os
from dataclasses import dataclass

import gguf
import numpy as np

BLOCK_VALUES, BLOCK_BYTES = 256, 144  # Q4_K: two halves, twelve bytes of scales, 128 bytes of quants
POOL_BLOCKS = 1 << 17  # 18 MiB of random blocks, repeated: speed does not depend on the values


@dataclass
class Shape:
    layers: int = 40
    hidden: int = 2048
    heads: int = 16
    kv_heads: int = 2
    head_dim: int = 256
    experts: int = 256
    experts_per_token: int = 8
    expert_width: int = 512
    shared_width: int = 512
    value_heads: int = 32
    key_heads: int = 16
    key_dim: int = 128
    vocab: int = 248320
    full_attention_interval: int = 4
    conv_kernel: int = 4

    @property
    def keys(self):
        return self.key_heads * self.key_dim

    @property
    def values(self):
        return self.value_heads * self.key_dim


def tensors(s):
    """(name, shape, mean, deviation); a deviation of None means quantised."""

    def matrix(name, *shape):
        return name + ".weight", shape, None, None

    def floats(name, *shape, mean=0.0, deviation=0.02):
        return name, shape, mean, deviation

    yield matrix("token_embd", s.vocab, s.hidden)
    yield matrix("output", s.vocab, s.hidden)
    yield floats("output_norm.weight", s.hidden, mean=1)
    for layer in range(s.layers):
        at = f"blk.{layer}."
        yield floats(at + "attn_norm.weight", s.hidden, mean=1)
        yield floats(at + "post_attention_norm.weight", s.hidden, mean=1)
        if (layer + 1) % s.full_attention_interval == 0:
            yield matrix(at + "attn_q", 2 * s.heads * s.head_dim, s.hidden)  # query and gate
            yield matrix(at + "attn_k", s.kv_heads * s.head_dim, s.hidden)
            yield matrix(at + "attn_v", s.kv_heads * s.head_dim, s.hidden)
            yield matrix(at + "attn_output", s.hidden, s.heads * s.head_dim)
            yield floats(at + "attn_q_norm.weight", s.head_dim, mean=1)
            yield floats(at + "attn_k_norm.weight", s.head_dim, mean=1)
        else:
            channels = 2 * s.keys + s.values
            yield matrix(at + "attn_qkv", channels, s.hidden)
            yield matrix(at + "attn_gate", s.values, s.hidden)
            yield matrix(at + "ssm_out", s.hidden, s.values)
            yield floats(at + "ssm_conv1d.weight", channels, s.conv_kernel, deviation=0.3)
            yield floats(at + "ssm_alpha.weight", s.value_heads, s.hidden)
            yield floats(at + "ssm_beta.weight", s.value_heads, s.hidden)
            yield floats(at + "ssm_dt.bias", s.value_heads)
            yield floats(at + "ssm_a", s.value_heads, mean=-1)
            yield floats(at + "ssm_norm.weight", s.key_dim, mean=1)
        yield floats(at + "ffn_gate_inp.weight", s.experts, s.hidden)
        yield floats(at + "ffn_gate_inp_shexp.weight", s.hidden)
        for kind in ("gate", "up"):
            yield matrix(at + f"ffn_{kind}_exps", s.experts, s.expert_width, s.hidden)
            yield matrix(at + f"ffn_{kind}_shexp", s.shared_width, s.hidden)
        yield matrix(at + "ffn_down_exps", s.experts, s.hidden, s.expert_width)
        yield matrix(at + "ffn_down_shexp", s.hidden, s.shared_width)


def describe(writer, s):
    writer.add_name("random weights")
    writer.add_block_count(s.layers)
    writer.add_context_length(262144)
    writer.add_embedding_length(s.hidden)
    writer.add_feed_forward_length(s.expert_width)
    writer.add_head_count(s.heads)
    writer.add_head_count_kv(s.kv_heads)
    writer.add_key_length(s.head_dim)
    writer.add_value_length(s.head_dim)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e7)
    writer.add_rope_dimension_count(s.head_dim // 4)
    writer.add_array("qwen35moe.rope.dimension_sections", [11, 11, 10, 0])
    writer.add_expert_count(s.experts)
    writer.add_expert_used_count(s.experts_per_token)
    writer.add_expert_feed_forward_length(s.expert_width)
    writer.add_expert_shared_feed_forward_length(s.shared_width)
    writer.add_full_attention_interval(s.full_attention_interval)
    writer.add_ssm_conv_kernel(s.conv_kernel)
    writer.add_ssm_state_size(s.key_dim)
    writer.add_ssm_group_count(s.key_heads)
    writer.add_ssm_time_step_rank(s.value_heads)
    writer.add_ssm_inner_size(s.values)


def describe_tokens(writer, vocab):
    """Byte tokens in the printable alphabet of byte-level BPE, then names: the loader wants a tokenizer, nobody uses it."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = [chr(code) for code in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen35")
    writer.add_token_list(alphabet + [f"word{i}" for i in range(vocab - len(alphabet))])
    writer.add_token_types([gguf.TokenType.NORMAL] * vocab)
    writer.add_token_merges([f"{alphabet[0]} {alphabet[1]}"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)


def random_blocks(random):
    """Quants and scales random, the two halves small, so that products stay finite."""
    blocks = random.integers(0, 256, (POOL_BLOCKS, BLOCK_BYTES), dtype=np.uint8)
    blocks[:, 0:4] = np.frombuffer(np.array([1.5e-4, 1.1e-3], np.float16).tobytes(), np.uint8)
    return blocks.reshape(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    for name, value in vars(Shape()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    arguments = vars(parser.parse_args())
    out = arguments.pop("out")
    shape = Shape(**arguments)
    random = np.random.default_rng(7)
    pool = random_blocks(random)

    partial = out + ".partial"
    writer = gguf.GGUFWriter(partial, "qwen35moe")
    describe(writer, shape)
    describe_tokens(writer, shape.vocab)
    for name, sizes, _, deviation in tensors(shape):
        count = int(np.prod(sizes))
        if deviation is None:
            stored = (*sizes[:-1], sizes[-1] // BLOCK_VALUES * BLOCK_BYTES)
            bytes_ = count // BLOCK_VALUES * BLOCK_BYTES
            writer.add_tensor_info(name, stored, np.dtype(np.uint8), bytes_, raw_dtype=gguf.GGMLQuantizationType.Q4_K)
        else:
            writer.add_tensor_info(name, sizes, np.dtype(np.float32), count * 4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, sizes, mean, deviation in tensors(shape):
        if deviation is None:
            bytes_ = int(np.prod(sizes)) // BLOCK_VALUES * BLOCK_BYTES
            first = int(random.integers(POOL_BLOCKS)) * BLOCK_BYTES
            writer.write_tensor_data(np.resize(np.roll(pool, -first), bytes_))
        else:
            writer.write_tensor_data((random.standard_normal(sizes) * deviation + mean).astype(np.float32))
    writer.close()
    os.replace(partial, out)


if __name__ == "__main__":
    main()
