import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fillBytes, fillFile } from "../../tests/kit/fill.ts";
import { readParts } from "../../tests/kit/safetensors-writer.ts";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { FlashmoeError } from "../errors.ts";
import { loadChatTemplate } from "./chat-template-file.ts";
import { describeModel } from "./describe.ts";
import { loadGenerationDefaults } from "./generation-config.ts";
import { summarizeModel } from "./summary.ts";
import { type FillSlice, fillSlices, pageBytes, planSynth } from "./synth-plan.ts";
import { type SynthOptions, synthOptions, synthPresets } from "./synth-shape.ts";
import { writeSynth } from "./synth-write.ts";
import { requireTokenizer } from "./tokenizer.ts";

const path = temporaryPaths();

/** Small enough for the TypeScript filler. */
const small: Partial<SynthOptions> = {
  hidden: 64,
  heads: 2,
  kvHeads: 1,
  headDim: 32,
  experts: 4,
  expertsPerToken: 2,
  expertWidth: 64,
  sharedWidth: 64,
  deltaValueHeads: 2,
  deltaKeyHeads: 1,
  deltaKeyDim: 32,
  deltaValueDim: 32,
  vocab: 320,
};

async function writeSmall(options: Partial<SynthOptions> = {}, fill = fillFile): Promise<string> {
  const directory = path("synth");
  await writeSynth(planSynth(synthOptions(undefined, { ...small, ...options })), directory, { fill });
  return directory;
}

const headersOnly = (target: string, slice: FillSlice) => {
  const length = slice.fileOffset + slice.firstByte + slice.bytes;
  const bytes = readFileSync(target);
  if (bytes.length < length) writeFileSync(target, Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]));
};

describe("written checkpoints are understood", () => {
  for (const bits of [2, 3, 4, 5, 6, 8, 0]) {
    test(bits === 0 ? "unquantised" : `${bits} bits`, async () => {
      const model = await describeModel(await writeSmall({ bits }, headersOnly));
      const up = model.tensors.find((tensor) => tensor.role === "expertUpProj")!;
      expect(up).toMatchObject({
        format: bits === 0 ? "bf16" : "affine",
        bits,
        group: bits === 0 ? 0 : 64,
        expertCount: 4,
      });
      const router = model.tensors.find((tensor) => tensor.role === "router")!;
      expect(router.bits).toBe(bits === 0 ? 0 : 8);
      expect(model).toMatchObject({ layout: "mlx", normZeroCentred: false, skipped: [], eosTokenIds: [296, 294] });
    });
  }

  for (const [name, options] of Object.entries<Partial<SynthOptions>>({
    tied: { tie: true },
    "f16 scales, groups of 32": { dtype: "f16", group: 32 },
    "f32 scales": { dtype: "f32" },
    "gates as all the rest": { gateBits: 4 },
    "many small shards": { shardBytes: 20_000 },
    "one layer": { layers: 1 },
    "too small a vocabulary for a tokenizer": { vocab: 64 },
  })) {
    test(name, async () => {
      const directory = await writeSmall(options, headersOnly);
      const model = await describeModel(directory);
      expect(model.shape.tied).toBe(options.tie ?? false);
      expect(existsSync(join(directory, "tokenizer.json"))).toBe(options.vocab !== 64);
      if (options.shardBytes !== undefined) expect(model.files.length).toBeGreaterThan(10);
    });
  }

  test("tokenizer, template and sampling defaults come with it", async () => {
    const directory = await writeSmall({}, headersOnly);
    const tokenizer = await requireTokenizer(directory, 320);
    expect(tokenizer.decode(tokenizer.encode("Tell me a story."))).toBe("Tell me a story.");
    expect((await loadChatTemplate(directory))!.default).toContain("<|im_start|>assistant");
    expect(await loadGenerationDefaults(directory)).toEqual({ temperature: 0.6, topK: 20, topP: 0.95 });
  });
});

describe("layout", () => {
  for (const preset of Object.keys(synthPresets)) {
    test(`${preset}: whole pages start on pages, nothing overlaps, nothing is between`, () => {
      const plan = planSynth({ ...synthOptions(preset, {}), vocab: 4096 });
      for (const file of plan.files) {
        expect(file.header.length % pageBytes).toBe(0);
        let at = file.header.length;
        for (const { tensor, offset } of file.tensors) {
          expect(offset).toBe(at);
          if (tensor.bytes % pageBytes === 0) expect(offset % pageBytes).toBe(0);
          at += tensor.bytes;
        }
        expect(file.bytes).toBe(at);
      }
    });
  }

  test("the presets have the family's record sizes", async () => {
    const records = { "qwen3.5-35b-a3b": 1_769_472, "qwen3.5-122b-a10b": 5_308_416, "qwen3.5-397b-a17b": 7_077_888 };
    for (const [preset, record] of Object.entries(records)) {
      const { tensors } = planSynth({ ...synthOptions(preset, {}), vocab: 4096, layers: 1 }).files.reduce(
        (all, file) => ({ tensors: [...all.tensors, ...file.tensors.map((entry) => entry.tensor)] }),
        { tensors: [] as { name: string; bytes: number }[] },
      );
      const experts = tensors.filter((tensor) => tensor.name.includes("switch_mlp"));
      const total = experts.reduce((sum, tensor) => sum + tensor.bytes, 0);
      expect(total / synthPresets[preset]!.experts).toBe(record);
    }
  });

  test("slices cover every tensor once, from multiples of 64", () => {
    const plan = planSynth({ ...synthOptions("qwen3.5-35b-a3b", {}), vocab: 4096, layers: 1 });
    for (const file of plan.files) {
      let at = file.header.length;
      for (const slice of fillSlices(file, 1)) {
        expect(slice.fileOffset + slice.firstByte).toBe(at);
        expect(slice.firstByte % 64).toBe(0);
        at += slice.bytes;
      }
      expect(at).toBe(file.bytes);
    }
  });
});

describe("values", () => {
  test("the same seed gives the same bytes, another seed others", async () => {
    const read = async (options: Partial<SynthOptions>) =>
      readFileSync(join(await writeSmall(options), "model.safetensors"));
    const [a, b, c] = [await read({ seed: 3 }), await read({ seed: 3 }), await read({ seed: 4 })];
    expect(a.equals(b)).toBe(true);
    expect(a.equals(c)).toBe(false);
    expect(a.length).toBe(c.length);
  });

  test("models of different seeds are told apart by their hash", async () => {
    const hash = async (seed: number) => (await describeModel(await writeSmall({ seed }, headersOnly))).hash;
    expect(await hash(1)).toBe(await hash(1));
    expect(await hash(1)).not.toBe(await hash(2));
  });

  test("a bias is its scale times -top/2, so that quantised weights have mean 0", async () => {
    const directory = await writeSmall({ bits: 4, dtype: "f32" });
    const { header, data } = readParts(join(directory, "model.safetensors"));
    const floats = (name: string) => new Float32Array(new Uint8Array(data.slice(...header[name]!.data_offsets)).buffer);
    const module = "language_model.model.layers.0.mlp.switch_mlp.up_proj";
    const scales = floats(`${module}.scales`);
    const biases = floats(`${module}.biases`);
    expect(scales.length).toBe(4 * 64);
    // Deviation 1/sqrt(64) from q uniform over 0..15, whose own deviation is sqrt(255/12).
    const mean = scales.reduce((sum, value) => sum + value, 0) / scales.length;
    expect(mean).toBeCloseTo(0.125 / Math.sqrt(255 / 12), 3);
    for (const [i, scale] of scales.entries()) expect(biases[i]! / scale).toBeCloseTo(-7.5, 4);
  });

  test("the TypeScript filler repeats the native one's pinned sequence", () => {
    const cases: [Pick<FillSlice, "kind" | "format" | "mean" | "spread">, bigint, number][] = [
      [{ kind: "uniformBits", format: "f32", mean: 0, spread: 0 }, 1n, 0xb1226344],
      [{ kind: "constantJitter", format: "f32", mean: 0.02, spread: 0.1 }, 2n, 0xd334b62b],
      [{ kind: "constantJitter", format: "f16", mean: -0.5, spread: 0.5 }, 2n, 0xf0a8c8c9],
      [{ kind: "constantJitter", format: "bf16", mean: 1, spread: 0.01 }, 2n, 0xf4beabb4],
      [{ kind: "normal", format: "f32", mean: 0, spread: 1 }, 3n, 0xf45c213d],
      [{ kind: "normal", format: "f16", mean: 0.25, spread: 0.02 }, 3n, 0xc8ec0ae4],
      [{ kind: "normal", format: "bf16", mean: -1, spread: 2 }, 3n, 0x30dc6665],
    ];
    for (const [values, seed, checksum] of cases) {
      const bytes = fillBytes({ ...values, seed, fileOffset: 0, firstByte: 64 * 12345, bytes: 256 });
      expect(Bun.hash.crc32(bytes)).toBe(checksum);
    }
  });
});

describe("writing", () => {
  test("progress reaches the planned total", async () => {
    const plan = planSynth(synthOptions(undefined, small));
    const seen: number[] = [];
    const directory = path("progress");
    await writeSynth(plan, directory, { fill: headersOnly, onProgress: (written) => seen.push(written) });
    expect(seen.at(-1)).toBe(plan.totalBytes);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    const sizes = readdirSync(directory).map((name) => Bun.file(join(directory, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(plan.totalBytes);
  });

  test("a failure or an interruption leaves nothing behind", async () => {
    const plan = planSynth(synthOptions(undefined, small));
    for (const how of ["fails", "aborts"]) {
      const directory = path(how);
      const abort = new AbortController();
      let slices = 0;
      const fill = (target: string, slice: FillSlice) => {
        slices += 1;
        if (slices === 5 && how === "fails") throw Object.assign(new Error("disk"), { code: "EIO" });
        if (slices === 5) abort.abort();
        headersOnly(target, slice);
      };
      const writing = writeSynth(plan, directory, { fill, signal: abort.signal });
      await expect(writing).rejects.toMatchObject({ code: how === "fails" ? "io_failed" : "cancelled" });
      expect(existsSync(directory)).toBe(false);
      expect(existsSync(`${directory}.partial`)).toBe(false);
    }
  });

  test("an existing target is refused, an empty directory is used", async () => {
    const plan = planSynth(synthOptions(undefined, small));
    const directory = path("target");
    mkdirSync(directory);
    await writeSynth(plan, directory, { fill: headersOnly });
    await expect(writeSynth(plan, directory, { fill: headersOnly })).rejects.toMatchObject({ code: "usage" });
    await describeModel(directory);
  });

  test("what a killed run left is replaced, but never someone else's files", async () => {
    const plan = planSynth(synthOptions(undefined, small));
    const directory = path("again");
    mkdirSync(`${directory}.partial`);
    writeFileSync(join(`${directory}.partial`, "config.json"), "half");
    await writeSynth(plan, directory, { fill: headersOnly });
    const other = path("other");
    mkdirSync(`${other}.partial`);
    writeFileSync(join(`${other}.partial`, "thesis.txt"), "precious");
    await expect(writeSynth(plan, other, { fill: headersOnly })).rejects.toThrow(/holds thesis\.txt/);
    expect(readFileSync(join(`${other}.partial`, "thesis.txt"), "utf8")).toBe("precious");
  });

  test("too little space is found before anything is written", async () => {
    const plan = planSynth({ ...synthOptions("qwen3.5-397b-a17b", {}), vocab: 4096, layers: 800, bits: 0 });
    const directory = path("huge");
    const writing = writeSynth(plan, directory, { fill: () => expect.unreachable() });
    await expect(writing).rejects.toThrow(/needs \d+\.\d\d GiB but only/);
    expect(existsSync(`${directory}.partial`)).toBe(false);
  });
});

describe("options", () => {
  const refused: [Partial<SynthOptions>, RegExp][] = [
    [{ hidden: 100 }, /--hidden \(100\) is not a multiple of --group 64/],
    [{ expertWidth: 96 }, /--expert-width \(96\)/],
    [{ bits: 7 }, /--bits must be one of/],
    [{ gateBits: 1 }, /--gate-bits must be one of/],
    [{ group: 16 }, /--group must be one of/],
    [{ layers: 0 }, /--layers must be a whole number/],
    [{ experts: 1.5 }, /--experts must be a whole number/],
    [{ expertsPerToken: 17 }, /--experts-per-token 17 is more than --experts 16/],
    [{ heads: 3 }, /--heads 3 is not a multiple of --kv-heads 2/],
    [{ deltaValueHeads: 6 }, /--delta-value-heads 6 is not a multiple of --delta-key-heads 4/],
    [{ headDim: 36 }, /--head-dim 36 is not a multiple of 8/],
    [{ seed: -1 }, /--seed must be/],
    [{ dtype: "f64" as "f32" }, /--dtype must be bf16, f16 or f32, not f64/],
    [{ shardBytes: 0 }, /--shard-size must be/],
  ];
  for (const [options, message] of refused) {
    test(`refused: ${JSON.stringify(options)}`, () => {
      expect(() => synthOptions(undefined, options)).toThrow(FlashmoeError);
      expect(() => synthOptions(undefined, options)).toThrow(message);
    });
  }

  test("an unknown shape is refused with the known ones", () => {
    expect(() => synthOptions("qwen9", {})).toThrow(/There is no shape named "qwen9"/);
    expect(() => synthOptions("toString", {})).toThrow(FlashmoeError);
  });

  test("undefined options leave the preset's values", () => {
    expect(synthOptions("qwen3.5-35b-a3b", { layers: undefined, experts: 128 })).toMatchObject({
      layers: 40,
      experts: 128,
    });
  });
});

test("the summary counts every byte", async () => {
  const plan = planSynth(synthOptions(undefined, { ...small, bits: 4 }));
  const directory = path("summary");
  await writeSynth(plan, directory, { fill: headersOnly });
  const summary = summarizeModel(await describeModel(directory));
  const dataBytes = plan.files.flatMap((file) => file.tensors).reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  expect(summary.bytes.total).toBe(dataBytes);
  expect(summary.tensors.reduce((sum, entry) => sum + entry.bytes, 0)).toBe(dataBytes);
  // Three matrices of 64 x 64: 4 bits a value, and a bf16 scale and bias for each group of 64.
  expect(summary.bytes.per_expert).toBe(3 * (64 * 32 + 64 * 4));
  expect(summary.bytes.per_token).toBe(summary.bytes.per_expert * 2 * 4);
  expect(summary.bytes.experts).toBe(summary.bytes.per_expert * 4 * 4);
  expect(summary.layers).toEqual({ total: 4, attention: 1, delta_net: 3 });
});
