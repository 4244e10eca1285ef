/** Configs, quantisation settings, tokenizers and templates that cannot be used. */
import { truncateSync } from "node:fs";
import { join } from "node:path";
import {
  type BadCase,
  downProj,
  drop,
  editConfig,
  editJson,
  type Json,
  layerName,
  pointer,
  remove,
  reshape,
  setQuantization,
  setText,
  write,
} from "./bad-edits.ts";

export const badConfigs: BadCase[] = [
  // Architecture and config values.
  {
    name: "unknown architecture",
    mutate: editConfig((c) => {
      c.model_type = "llama";
    }),
    message: /architecture "llama" is not supported/,
  },
  {
    name: "unknown head",
    mutate: editConfig((c) => {
      c.architectures = ["Qwen3_5MoeForSequenceClassification"];
    }),
    message: /Qwen3_5MoeForSequenceClassification.* is not supported/,
  },
  {
    name: "no model_type",
    mutate: editConfig((c) => {
      delete c.model_type;
    }),
    message: /has no model_type/,
  },
  {
    name: "custom code",
    mutate: editConfig((c) => {
      c.auto_map = { AutoModel: "x.Model" };
    }),
    message: /own program code/,
  },
  {
    name: "text_config is no object",
    mutate: editConfig((c) => {
      c.text_config = 3;
    }),
    message: /text_config must be an object/,
  },
  {
    name: "hidden_size missing",
    mutate: setText("hidden_size", undefined),
    message: /hidden_size must be .* but is missing/,
  },
  {
    name: "layers not a number",
    mutate: setText("num_hidden_layers", "4"),
    message: /num_hidden_layers must be a whole number .* not "4"/,
  },
  {
    name: "layers absurd",
    mutate: setText("num_hidden_layers", 1e9),
    message: /num_hidden_layers must be a whole number from 1 to/,
  },
  {
    name: "more layers than tensors",
    mutate: setText("num_hidden_layers", 5),
    message: /Tensor language_model\.model\.layers\.4\.\S+ is missing/,
  },
  {
    name: "fewer layers than tensors",
    mutate: setText("num_hidden_layers", 3),
    message: /layers\.3\.\S+ in model\.safetensors is not part of the model/,
  },
  {
    name: "K above the experts",
    mutate: setText("num_experts_per_tok", 5),
    message: /num_experts_per_tok must be a whole number from 1 to 4/,
  },
  {
    name: "K zero",
    mutate: setText("num_experts_per_tok", 0),
    message: /num_experts_per_tok must be a whole number from 1/,
  },
  {
    name: "heads not a multiple",
    mutate: setText("num_key_value_heads", 3),
    message: /num_attention_heads \(2\) is not a multiple of num_key_value_heads \(3\)/,
  },
  { name: "eps negative", mutate: setText("rms_norm_eps", -1), message: /rms_norm_eps must be a number above 0/ },
  {
    name: "unknown activation",
    mutate: setText("hidden_act", "gelu"),
    message: /hidden_act = "gelu" is not supported/,
  },
  {
    name: "attention with bias",
    mutate: setText("attention_bias", true),
    message: /attention_bias = true is not supported/,
  },
  {
    name: "dense layers among experts",
    mutate: setText("mlp_only_layers", [0]),
    message: /mlp_only_layers = \[0\] is not supported/,
  },
  {
    name: "scaled rotary positions",
    mutate: setText("rope_parameters", { rope_type: "yarn", rope_theta: 1e7, factor: 4 }),
    message: /rope_type = "yarn" is not supported/,
  },
  {
    name: "no rope_theta",
    mutate: setText("rope_parameters", { partial_rotary_factor: 0.25 }),
    message: /rope_theta must be given/,
  },
  {
    name: "rotary dimensions odd",
    mutate: setText("rope_parameters", { rope_theta: 1e7, partial_rotary_factor: 0.1 }),
    message: /partial_rotary_factor must be such that an even number/,
  },
  {
    name: "unknown layer type",
    mutate: setText("layer_types", ["linear_attention", "sliding_attention", "linear_attention", "full_attention"]),
    message: /layer_types\[1\] = "sliding_attention" is not supported/,
  },
  {
    name: "layer types too few",
    mutate: setText("layer_types", ["full_attention"]),
    message: /layer_types names 1 layers but num_hidden_layers is 4/,
  },
  {
    name: "layer types against the tensors",
    mutate: setText("layer_types", ["full_attention", "linear_attention", "linear_attention", "full_attention"]),
    message: /layers\.0\.self_attn\.\S+ is missing/,
  },
  {
    name: "end token outside the vocabulary",
    mutate: setText("eos_token_id", [5, 320]),
    message: /eos_token_id must be token ids below the vocabulary's 320/,
  },
  {
    name: "generation config broken",
    mutate: write("generation_config.json", "{]"),
    message: /generation_config\.json is not valid JSON/,
  },

  // Quantisation.
  {
    name: "quantisation mode not affine",
    mutate: setQuantization((q) => {
      q.mode = "mxfp4";
    }),
    message: /quantisation mode "mxfp4" is not supported/,
  },
  {
    name: "quantisation method foreign",
    mutate: editConfig((c) => {
      delete c.quantization;
      c.quantization_config = { quant_method: "gptq", bits: 4 };
    }),
    message: /quantisation method "gptq" is not supported/,
  },
  {
    name: "bits not supported",
    mutate: setQuantization((q) => {
      q.bits = 7;
    }),
    message: /bits must be one of 2, 3, 4, 5, 6, 8, not 7/,
  },
  {
    name: "group not supported",
    mutate: setQuantization((q) => {
      q.group_size = 48;
    }),
    message: /group_size must be one of 32, 64, 128, not 48/,
  },
  {
    name: "bits against the tensors",
    mutate: setQuantization((q) => {
      q.bits = 8;
    }),
    message: /has 4 bits in groups of 32, but config\.json says 8 bits/,
  },
  {
    name: "group against the tensors",
    mutate: setQuantization((q) => {
      q.group_size = 64;
    }),
    message: /in groups of 32, but config\.json says 4 bits in groups of 64/,
  },
  {
    name: "gate override against the tensor",
    mutate: setQuantization((q) => {
      q[layerName("mlp.gate")] = { bits: 4, group_size: 32 };
    }),
    message: /mlp\.gate\.weight .* has 8 bits .* says 4 bits/,
  },
  {
    name: "override says unquantised",
    mutate: setQuantization((q) => {
      q[layerName("mlp.gate")] = false;
    }),
    message: /mlp\.gate\.weight .* is quantised, but config\.json says it is not/,
  },
  {
    name: "override of no module",
    mutate: setQuantization((q) => {
      q[layerName("mlp.ghost")] = { bits: 8, group_size: 32 };
    }),
    message: /quantization names layers\.0\.mlp\.ghost/,
  },
  {
    name: "override is a number",
    mutate: setQuantization((q) => {
      q[layerName("mlp.gate")] = 8;
    }),
    message: /must be an object, true or false, not 8/,
  },
  {
    name: "quantised without a config",
    mutate: editConfig((c) => {
      delete c.quantization;
    }),
    message: /is quantised, but config\.json states no quantization/,
  },
  {
    name: "override of an unquantised tensor",
    mutate: (d) => {
      drop(`${downProj}.scales`, `${downProj}.biases`)(d);
      reshape(`${downProj}.weight`, [4, 64, 32], "BF16")(d);
      setQuantization((q) => {
        q[downProj] = { bits: 4, group_size: 32 };
      })(d);
    },
    message: /is not quantised, but config\.json gives it 4 bits/,
  },
  {
    name: "scales missing",
    mutate: drop(`${downProj}.scales`),
    message: /down_proj\.weight .* has dtype U32, expected .* \(or its scales and biases are missing\)/,
  },
  { name: "biases missing", mutate: drop(`${downProj}.biases`), message: /down_proj\.biases is missing/ },
  {
    name: "scales of the wrong dtype",
    mutate: reshape(`${downProj}.scales`, [4, 64, 1], "I32"),
    message: /down_proj\.scales .* has dtype I32, expected BF16, F16 or F32/,
  },
  {
    name: "scales of one byte",
    mutate: reshape(`${downProj}.scales`, [4, 64, 1], "U8"),
    message: /U8 scales: the quantisation is not affine/,
  },
  {
    name: "biases of another dtype",
    mutate: reshape(`${downProj}.biases`, [4, 64, 1], "F16"),
    message: /down_proj\.biases .* has dtype F16, expected BF16 like its scales/,
  },
  {
    name: "scales of the wrong shape",
    mutate: reshape(`${downProj}.scales`, [4, 32, 1]),
    message: /down_proj\.scales .* has shape \[4,32,1\], expected \[4,64,1\]/,
  },
  {
    name: "packed words give odd bits",
    mutate: reshape(`${downProj}.weight`, [4, 64, 7]),
    message: /would have 7 bits per value/,
  },
  {
    name: "groups of an odd size",
    mutate: (d) => {
      reshape(`${downProj}.scales`, [4, 64, 2])(d);
      reshape(`${downProj}.biases`, [4, 64, 2])(d);
    },
    message: /groups of 16 values/,
  },
  {
    name: "packed weight of the wrong dtype",
    mutate: reshape(`${downProj}.weight`, [4, 64, 4], "I32"),
    message: /has dtype I32, expected U32/,
  },

  // Tokenizer and template.
  {
    name: "tokenizer broken",
    stage: "tokenizer",
    mutate: (d) => truncateSync(join(d, "tokenizer.json"), 1000),
    message: /tokenizer\.json is not valid JSON/,
  },
  {
    name: "tokenizer empty",
    stage: "tokenizer",
    mutate: write("tokenizer.json", ""),
    message: /tokenizer\.json is empty/,
  },
  {
    name: "tokenizer is a git-LFS pointer",
    stage: "tokenizer",
    mutate: write("tokenizer.json", pointer),
    message: /tokenizer\.json is a git-LFS pointer/,
  },
  {
    name: "tokenizer of another kind",
    stage: "tokenizer",
    mutate: (d) =>
      editJson(d, "tokenizer.json", (t) => {
        t.model = { type: "Unigram", vocab: [] };
      }),
    message: /model must be a BPE/,
  },
  {
    name: "tokenizer with another decoder",
    stage: "tokenizer",
    mutate: (d) =>
      editJson(d, "tokenizer.json", (t) => {
        t.decoder = { type: "Metaspace" };
      }),
    message: /decoder "Metaspace" is not supported/,
  },
  {
    name: "tokenizer of a larger model",
    stage: "tokenizer",
    mutate: (d) =>
      editJson(d, "tokenizer.json", (t) => {
        (t.added_tokens as Json[])[0]!.id = 151643;
      }),
    message: /the id 151643, but the model's vocabulary has 320/,
  },
  {
    name: "tokenizer with a broken pattern",
    stage: "tokenizer",
    mutate: (d) =>
      editJson(d, "tokenizer.json", (t) => {
        t.pre_tokenizer = { type: "Split", pattern: { Regex: "(unclosed" }, behavior: "Isolated", invert: false };
      }),
    message: /tokenizer\.json cannot be used/,
  },
  {
    name: "tokenizer config broken",
    stage: "tokenizer",
    mutate: write("tokenizer_config.json", "no"),
    message: /tokenizer_config\.json is not valid JSON/,
  },
  {
    name: "template broken",
    stage: "template",
    mutate: write("chat_template.jinja", "{% if messages %}never closed"),
    message: /chat template in chat_template\.jinja cannot be parsed/,
  },
  {
    name: "template empty",
    stage: "template",
    mutate: write("chat_template.jinja", ""),
    message: /chat_template\.jinja is empty/,
  },
  {
    name: "template calls what is not there",
    stage: "template",
    mutate: write("chat_template.jinja", "{{ messages[0].no.such() }}"),
    message: /chat template in chat_template\.jinja fails/,
  },
  {
    name: "template list without default",
    stage: "template",
    mutate: (d) => {
      remove("chat_template.jinja")(d);
      editJson(d, "tokenizer_config.json", (t) => {
        t.chat_template = [{ name: "tool_use", template: "x" }];
      });
    },
    message: /no template named "default"/,
  },
  {
    name: "template is a number",
    stage: "template",
    mutate: (d) => {
      remove("chat_template.jinja")(d);
      editJson(d, "tokenizer_config.json", (t) => {
        t.chat_template = 5;
      });
    },
    message: /chat_template must be a text or a list/,
  },
];
