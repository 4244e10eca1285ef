import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { editTensors, readParts } from "../../tests/kit/safetensors-writer.ts";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { type TinyOptions, writeTinyCheckpoint } from "../../tests/kit/tiny-checkpoint.ts";
import { describeModel } from "./describe.ts";
import type { Extent, ModelDescription, TensorRole } from "./description.ts";
import { planSynth } from "./synth-plan.ts";
import { synthOptions } from "./synth-shape.ts";

const path = temporaryPaths();

async function describeTiny(
  options: Partial<TinyOptions>,
  edit?: (directory: string) => void,
): Promise<ModelDescription> {
  const directory = path("tiny");
  writeTinyCheckpoint(directory, options);
  edit?.(directory);
  return describeModel(directory);
}

function editConfig(
  directory: string,
  edit: (config: Record<string, unknown>, text: Record<string, unknown>) => void,
): void {
  const file = join(directory, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  edit(config, config.text_config ?? config);
  writeFileSync(file, JSON.stringify(config));
}

const find = (model: ModelDescription, role: TensorRole, layer: number | null = 0) =>
  model.tensors.filter((tensor) => tensor.role === role && tensor.layer === layer);

function bytesAt(model: ModelDescription, extent: Extent, expert = 0): Uint8Array {
  const start = extent.offset + expert * extent.stride;
  return readFileSync(model.files[extent.file]!.path).subarray(start, start + extent.bytes);
}

function storedBytes(model: ModelDescription, name: string): Uint8Array {
  for (const file of model.files) {
    const { header, data } = readParts(file.path);
    const entry = header[name];
    if (entry !== undefined) return data.subarray(...entry.data_offsets);
  }
  throw new Error(`no tensor ${name}`);
}

describe("quantised checkpoints", () => {
  for (const bits of [2, 3, 4, 5, 6, 8]) {
    for (const group of [32, 64, 128]) {
      test(`${bits} bits, groups of ${group}`, async () => {
        const wide = {
          hidden: 128,
          heads: 4,
          headDim: 32,
          expertWidth: 128,
          sharedWidth: 128,
          valueHeads: 4,
          keyHeads: 2,
        };
        const model = await describeTiny({ ...wide, bits, group, gateBits: 8 });
        const [up] = find(model, "expertUpProj");
        expect(up).toMatchObject({
          format: "affine",
          bits,
          group,
          rows: 128,
          cols: 128,
          expertFirst: 0,
          expertCount: 4,
        });
        expect(up!.weight.bytes).toBe((128 * 128 * bits) / 8);
        expect(up!.scales!.bytes).toBe(128 * (128 / group) * 2);
        expect(find(model, "router")[0]).toMatchObject({ bits: 8, group });
        expect(find(model, "deltaConv")[0]).toMatchObject({ format: "bf16", rows: 2 * 2 * 32 + 128, cols: 4 });
      });
    }
  }

  for (const format of ["f32", "f16", "bf16"] as const) {
    test(`${format} scales`, async () => {
      const model = await describeTiny({ format });
      expect(find(model, "attentionQ", 3)[0]).toMatchObject({
        format: "affine",
        scaleFormat: format,
        rows: 128,
        cols: 64,
      });
    });
  }

  test("experts of a stack lie one stride apart", async () => {
    const model = await describeTiny({});
    const [down] = find(model, "expertDownProj", 2);
    for (const part of ["weight", "scales", "biases"] as const) {
      const all = storedBytes(model, `language_model.model.layers.2.mlp.switch_mlp.down_proj.${part}`);
      const extent = down![part]!;
      const joined = Buffer.concat([0, 1, 2, 3].map((expert) => bytesAt(model, extent, expert)));
      expect(joined.equals(all)).toBe(true);
    }
  });

  test("overrides may be named with any prefix, be false for what is unquantised, or true", async () => {
    const model = await describeTiny({ gateBits: 8 }, (directory) =>
      editConfig(directory, (config) => {
        const quantization = config.quantization as Record<string, unknown>;
        for (const key of Object.keys(quantization)) {
          if (!key.startsWith("language_model.model.")) continue;
          quantization[key.replace("language_model.model.", "model.")] = quantization[key];
          delete quantization[key];
        }
        quantization["model.layers.0.self_attn.q_proj"] = undefined;
        quantization["model.embed_tokens"] = true;
        quantization["vision_tower.blocks.0.attn"] = { bits: 8, group_size: 64 };
      }),
    );
    expect(find(model, "router")[0]!.bits).toBe(8);
  });

  test("router and shared gate at 8 bits need not be named in the config", async () => {
    const model = await describeTiny({ gateBits: 8 }, (directory) =>
      editConfig(directory, (config) => {
        config.quantization = { bits: 4, group_size: 32 };
      }),
    );
    expect(find(model, "router")[0]!.bits).toBe(8);
    expect(find(model, "sharedGate")[0]!.bits).toBe(8);
    expect(find(model, "deltaQkv")[0]!.bits).toBe(4);
  });

  test("the copy named quantization_config is enough, also inside text_config", async () => {
    for (const place of ["top", "text"]) {
      const model = await describeTiny({}, (directory) =>
        editConfig(directory, (config, text) => {
          (place === "top" ? config : text).quantization_config = config.quantization;
          delete config.quantization;
        }),
      );
      expect(find(model, "deltaQkv")[0]!.bits).toBe(4);
    }
  });

  test("a tensor kept unquantised is read as it is", async () => {
    const name = "language_model.model.layers.0.linear_attn.in_proj_a";
    const model = await describeTiny({}, (directory) => {
      editTensors(join(directory, "model.safetensors"), (tensors) =>
        tensors.flatMap((tensor) => {
          if (tensor.name === `${name}.weight`)
            return [{ ...tensor, dtype: "F16", shape: [2, 64], data: new Uint8Array(256) }];
          return tensor.name.startsWith(`${name}.`) ? [] : [tensor];
        }),
      );
      editConfig(directory, (config) => {
        (config.quantization as Record<string, unknown>)[name] = false;
      });
    });
    expect(find(model, "deltaA")[0]).toMatchObject({ format: "f16", bits: 0, group: 0, scales: null });
    expect(find(model, "deltaA", 1)[0]).toMatchObject({ format: "affine", bits: 4 });
  });
});

describe("layouts", () => {
  test("fused Hugging Face experts are two runs with the stride of a pair", async () => {
    const model = await describeTiny({ layout: "huggingface", bits: 0, prefix: "model.language_model.", extras: true });
    expect(model).toMatchObject({ layout: "huggingface", normZeroCentred: true });
    const all = storedBytes(model, "model.language_model.layers.1.mlp.experts.gate_up_proj");
    const gate = find(model, "expertGateProj", 1)[0]!;
    const up = find(model, "expertUpProj", 1)[0]!;
    const joined = [0, 1, 2, 3].flatMap((e) => [bytesAt(model, gate.weight, e), bytesAt(model, up.weight, e)]);
    expect(Buffer.concat(joined).equals(all)).toBe(true);
    expect(model.skipped).toEqual([
      { what: "vision tower", tensors: 1, bytes: 24 },
      { what: "multi-token prediction head", tensors: 1, bytes: 64 },
    ]);
  });

  test("per-expert tensors are runs of one", async () => {
    const model = await describeTiny({
      layout: "huggingface-separate",
      bits: 0,
      prefix: "model.",
      nested: false,
      shards: 3,
    });
    const runs = find(model, "expertUpProj", 3);
    expect(runs.map((run) => [run.expertFirst, run.expertCount])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    for (const run of runs) expect(bytesAt(model, run.weight).length).toBe(32 * 64 * 2);
    expect(new Set(model.tensors.map((tensor) => tensor.weight.file)).size).toBe(3);
  });

  test("names with every prefix and form of config describe the same tensors", async () => {
    const shapes = [];
    for (const prefix of ["language_model.model.", "model.language_model.", "model."]) {
      for (const nested of [true, false]) {
        const model = await describeTiny({ prefix, nested, bits: 0 });
        expect(model.normZeroCentred).toBe(false);
        shapes.push(
          JSON.stringify([model.shape, model.tensors.map((t) => [t.role, t.layer, t.rows, t.cols, t.weight.bytes])]),
        );
      }
    }
    expect(new Set(shapes).size).toBe(1);
  });

  test("a file outside the shard list is reported", async () => {
    const model = await describeTiny({ shards: 2 }, (directory) =>
      writeFileSync(join(directory, "model-mtp.safetensors"), "x"),
    );
    expect(model.skipped).toEqual([
      { what: "file outside the shard list: model-mtp.safetensors", tensors: 0, bytes: 0 },
    ]);
  });

  test("numbered shards need no list", async () => {
    const model = await describeTiny({ shards: 3 }, (directory) =>
      Bun.file(join(directory, "model.safetensors.index.json")).delete(),
    );
    expect(model.files.length).toBe(3);
  });

  test("the hash depends on config, headers and weights, not on the place", async () => {
    const [a, b, c, d, e] = await Promise.all([
      describeTiny({}),
      describeTiny({}),
      describeTiny({ shards: 2 }),
      describeTiny({}, (directory) =>
        editConfig(directory, (_, text) => Object.assign(text, { max_position_embeddings: 8192 })),
      ),
      describeTiny({ seed: 99 }), // the same headers, other weights
    ]);
    expect(a.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(b.hash).toBe(a.hash);
    expect(new Set([a.hash, c.hash, d.hash, e.hash]).size).toBe(4);
  });
});

describe("config", () => {
  const shapeOf = async (edit: (config: Record<string, unknown>, text: Record<string, unknown>) => void) =>
    (await describeTiny({}, (directory) => editConfig(directory, edit))).shape;

  test("rotary settings in all their places", async () => {
    const forms: ((text: Record<string, unknown>) => void)[] = [
      (text) =>
        Object.assign(text, {
          rope_parameters: { rope_type: "default", rope_theta: 5000, partial_rotary_factor: 0.5 },
        }),
      (text) =>
        Object.assign(text, { rope_parameters: { full_attention: { rope_theta: 5000, partial_rotary_factor: 0.5 } } }),
      (text) => Object.assign(text, { rope_parameters: { rope_theta: 5000 }, partial_rotary_factor: 0.5 }),
      (text) => Object.assign(text, { rope_parameters: null, rope_theta: 5000, partial_rotary_factor: 0.5 }),
      (text) =>
        Object.assign(text, {
          rope_parameters: undefined,
          rope_theta: 5000,
          rope_scaling: { type: "mrope", mrope_section: [1, 1, 2], partial_rotary_factor: 0.5 },
        }),
    ];
    for (const form of forms) {
      expect(await shapeOf((_, text) => form(text))).toMatchObject({ ropeTheta: 5000, rotaryDim: 16 });
    }
  });

  test("a quarter of the dimensions rotate unless stated", async () => {
    const shape = await shapeOf((_, text) => Object.assign(text, { rope_parameters: { rope_theta: 5000 } }));
    expect(shape.rotaryDim).toBe(8);
  });

  test("norm_topk_prob is true unless stated", async () => {
    expect((await shapeOf(() => undefined)).normTopk).toBe(true);
    expect((await shapeOf((_, text) => Object.assign(text, { norm_topk_prob: false }))).normTopk).toBe(false);
  });

  test("layer_types are honoured, else the interval", async () => {
    const byInterval = await shapeOf((_, text) => Object.assign(text, { layer_types: null }));
    expect(byInterval.layerKinds).toEqual(["deltaNet", "deltaNet", "deltaNet", "attention"]);
    const types = ["linear_attention", "linear_attention", "linear_attention", "full_attention"];
    const byTypes = await shapeOf((_, text) => Object.assign(text, { full_attention_interval: 2, layer_types: types }));
    expect(byTypes.layerKinds).toEqual(byInterval.layerKinds);
  });

  test("a tied model has no head, at whichever level that is said", async () => {
    const model = await describeTiny({ tied: true });
    expect(model.shape.tied).toBe(true);
    expect(find(model, "lmHead", null)).toEqual([]);
    const outer = await describeTiny({ tied: true }, (d) =>
      editConfig(d, (_, text) => delete text.tie_word_embeddings),
    );
    expect(outer.shape.tied).toBe(true);
    const disagreeing = await describeTiny({}, (d) =>
      editConfig(d, (config) => Object.assign(config, { tie_word_embeddings: true })),
    );
    expect(disagreeing.shape.tied).toBe(false);
  });

  test("a head beside a tied embedding is reported as not read", async () => {
    const model = await describeTiny({}, (d) =>
      editConfig(d, (config, text) => {
        config.tie_word_embeddings = true;
        text.tie_word_embeddings = true;
      }),
    );
    expect(model.shape.tied).toBe(true);
    expect(model.skipped[0]).toMatchObject({ what: "lm_head (tied to the embedding)", tensors: 3 });
  });

  test("end tokens come from both configs, one or several", async () => {
    const model = await describeTiny({}, (directory) => {
      editConfig(directory, (config, text) => {
        config.eos_token_id = [7, 9];
        text.eos_token_id = 11;
      });
      writeFileSync(join(directory, "generation_config.json"), JSON.stringify({ eos_token_id: [9, 13] }));
    });
    expect(model.eosTokenIds).toEqual([9, 13, 7, 11]);
  });
});

test("the headers of a 397B checkpoint are read in a moment", async () => {
  const directory = path("large");
  mkdirSync(directory);
  const plan = planSynth({ ...synthOptions("qwen3.5-397b-a17b", {}), vocab: 2048 });
  for (const { name, text } of plan.texts) writeFileSync(join(directory, name), text);
  for (const file of plan.files) {
    writeFileSync(join(directory, file.name), file.header);
    truncateSync(join(directory, file.name), file.bytes); // sparse: only the headers take space
  }
  const start = performance.now();
  const model = await describeModel(directory);
  const elapsed = performance.now() - start;
  expect(model.tensors.length).toBe(1098);
  expect(find(model, "expertUpProj", 59)[0]!.expertCount).toBe(512);
  // 300 ms is the aim on an idle machine; the bound leaves room for a busy one.
  expect(elapsed).toBeLessThan(1500);
});
