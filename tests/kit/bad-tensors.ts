/** Tensors that are missing, unknown, or of the wrong dtype or shape. */
import { type BadCase, drop, inTensors, layerName, reshape, setText } from "./bad-edits.ts";

export const badTensors: BadCase[] = [
  // Tensors.
  {
    name: "embedding missing",
    mutate: drop("language_model.model.embed_tokens.weight"),
    message: /embed_tokens\.weight is missing/,
  },
  {
    name: "lm_head missing",
    mutate: drop("language_model.lm_head.weight", "language_model.lm_head.scales", "language_model.lm_head.biases"),
    message: /Tensor lm_head\.weight is missing/,
  },
  {
    name: "norm missing",
    mutate: drop(layerName("input_layernorm.weight", 2)),
    message: /layers\.2\.input_layernorm\.weight is missing/,
  },
  {
    name: "router missing",
    mutate: drop(layerName("mlp.gate.weight", 1)),
    message: /layers\.1\.mlp\.gate\.weight is missing/,
  },
  {
    name: "norm of the wrong shape",
    mutate: reshape(layerName("input_layernorm.weight"), [65]),
    message: /input_layernorm\.weight .* has shape \[65\], expected \[64\]/,
  },
  {
    name: "norm of the wrong dtype",
    mutate: reshape(layerName("input_layernorm.weight"), [64], "I32"),
    message: /input_layernorm\.weight .* has dtype I32/,
  },
  {
    name: "float8 weights",
    options: { bits: 0 },
    mutate: reshape(layerName("mlp.gate.weight"), [4, 64], "F8_E4M3"),
    message: /mlp\.gate\.weight .* has dtype F8_E4M3/,
  },
  {
    name: "too few experts",
    mutate: setText("num_experts", 8),
    message: /has shape \[4,64\].*expected \[8,|has shape \[4,16\], expected \[8,16\]/,
  },
  {
    name: "convolution of the wrong width",
    mutate: reshape(layerName("linear_attn.conv1d.weight"), [128, 3, 1]),
    message: /conv1d\.weight .* expected \[128,4,1\] or \[128,1,4\]/,
  },
  {
    name: "convolutions of both orders",
    mutate: reshape(layerName("linear_attn.conv1d.weight", 1), [128, 1, 4]),
    message: /convolution stored in different orders/,
  },
  {
    name: "unknown tensor",
    mutate: inTensors((t) => [
      ...t,
      { name: layerName("self_attn.sinks"), dtype: "F32", shape: [1], data: new Uint8Array(4) },
    ]),
    message: /self_attn\.sinks in model\.safetensors is not part of the model/,
  },
  {
    name: "bias of a projection",
    mutate: inTensors((t) => [
      ...t,
      { name: layerName("self_attn.q_proj.bias", 3), dtype: "BF16", shape: [128], data: new Uint8Array(256) },
    ]),
    message: /q_proj\.bias in model\.safetensors is not part of the model/,
  },
  {
    name: "tensor without a known prefix",
    mutate: inTensors((t) => [
      ...t,
      { name: "transformer.h.0.weight", dtype: "F32", shape: [1], data: new Uint8Array(4) },
    ]),
    message: /transformer\.h\.0\.weight .* is not part of the model/,
  },
  {
    name: "same tensor under two prefixes",
    mutate: inTensors((t) => [
      ...t,
      { name: "model.norm.weight", dtype: "BF16", shape: [64], data: new Uint8Array(128) },
    ]),
    message: /are the same tensor twice/,
  },
  {
    name: "one expert missing",
    options: { layout: "huggingface-separate", bits: 0 },
    mutate: drop(layerName("mlp.experts.3.up_proj.weight")),
    message: /experts\.3\.up_proj\.weight is missing/,
  },
  {
    name: "experts of two formats",
    options: { layout: "huggingface-separate", bits: 0 },
    mutate: reshape(layerName("mlp.experts.2.up_proj.weight"), [32, 64], "F32"),
    message: /experts of one layer stored differently/,
  },
  {
    name: "fused experts of the wrong width",
    options: { layout: "huggingface", bits: 0 },
    mutate: reshape(layerName("mlp.experts.gate_up_proj"), [4, 32, 64]),
    message: /gate_up_proj .* has shape \[4,32,64\], expected \[4,64,64\]/,
  },
];
