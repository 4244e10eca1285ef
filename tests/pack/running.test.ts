/** Packed models run: the bits of their source's logits, one read an expert, damage named where it is met. */
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFiller, createPacker, type EngineOptions, FlashMoE, type Stats } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import type { ModelDescription } from "../../src/models/description.ts";
import { planSynth } from "../../src/models/synth-plan.ts";
import { synthOptions } from "../../src/models/synth-shape.ts";
import { writeSynth } from "../../src/models/synth-write.ts";
import { verifyModel } from "../../src/models/verify.ts";
import { flashmoe } from "../kit/command.ts";
import { seededRandom } from "../kit/random.ts";
import { readParts, safetensorsBytes, type WrittenTensor } from "../kit/safetensors-writer.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";
import { packModel, tensorParts } from "./packing.ts";

const fresh = temporaryPaths();
const tokens = Array.from({ length: 24 }, (_, i) => (i * 89 + 11) % 300);

async function logitsOf(model: ModelDescription, options: EngineOptions = {}): Promise<{ hash: string; stats: Stats }> {
  await using engine = await FlashMoE.open(model, { context: 64, threads: 2, ...options });
  await using session = await engine.createSession();
  const hash = createHash("sha256");
  for await (const row of session.logits(tokens))
    hash.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  return { hash: hash.digest("hex"), stats: await engine.stats() };
}

/** The least memory that holds a step, with room for what the process itself grows by. */
async function leastMemory(model: ModelDescription, options: EngineOptions = {}): Promise<number> {
  return (await FlashMoE.plan(model, { context: 64, ...options })).minimumBytes + (10 << 20);
}

describe("byte-identical logits", () => {
  let source: ModelDescription;
  let packed: ModelDescription;

  /** About 40 MiB of experts: in the least memory they stream. */
  beforeAll(async () => {
    const shape = { layers: 4, hidden: 256, experts: 96, expertsPerToken: 6, expertWidth: 256, vocab: 1024 };
    const directory = fresh("synth");
    await writeSynth(planSynth(synthOptions("tiny", shape)), directory, { fill: await createFiller() });
    source = await describeModel(directory);
    await packModel(source, fresh("packed"));
    packed = await describeModel(join(directory, "..", "1-packed"));
  });

  test("packed or not, resident or streamed, paranoid or not, direct or through the page cache", async () => {
    const { hash } = await logitsOf(source);
    for (const limited of [false, true]) {
      for (const options of [{}, { paranoid: true }, { directIo: false }] as EngineOptions[]) {
        const memoryBytes = limited ? await leastMemory(packed, options) : 0;
        expect({ options, hash: (await logitsOf(packed, { ...options, memoryBytes })).hash }).toEqual({
          options,
          hash,
        });
      }
    }
  });

  test("one read an expert", async () => {
    const dense = async (model: ModelDescription) => (await opened(model)).readRequests;
    const count = async (model: ModelDescription) => {
      const { stats } = await logitsOf(model, { prefetch: "off" });
      return {
        requests: stats.readRequests - (await dense(model)),
        misses: stats.expertMisses,
        bytes: stats.expertBytesRead,
      };
    };
    const [before, after] = [await count(source), await count(packed)];
    expect(after.requests).toBe(after.misses);
    expect(after.misses).toBeGreaterThan(100);
    expect(before.misses).toBe(after.misses);
    expect(before.bytes).toBe(after.bytes);
    expect(before.requests).toBeGreaterThan(4 * before.misses);
  });
});

async function opened(model: ModelDescription): Promise<Stats> {
  await using engine = await FlashMoE.open(model, { context: 64 });
  return engine.stats();
}

/** A packed model taken apart again into a checkpoint in the MLX layout, by code that shares nothing with packing. */
async function unpack(packed: ModelDescription, prefix: string): Promise<ModelDescription> {
  const directory = fresh("unpacked");
  cpSync(packed.directory, directory, {
    recursive: true,
    filter: (path) => !/\.(bin|safetensors)$|manifest/.test(path),
  });
  const { header, data } = readParts(join(packed.directory, "dense.safetensors"));
  const { __metadata__: _, ...entries } = header;
  const tensors: WrittenTensor[] = Object.entries(entries).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => ({
      name,
      dtype,
      shape,
      data: data.slice(begin, end),
    }),
  );
  for (const tensor of packed.tensors.filter(({ expertCount }) => expertCount > 0)) {
    const role = { expertGateProj: "gate", expertUpProj: "up", expertDownProj: "down" }[tensor.role as string];
    const module = `${prefix}layers.${tensor.layer}.mlp.switch_mlp.${role}_proj`;
    const experts = Array.from({ length: tensor.expertCount }, (_, e) => tensorParts(packed, tensor, e));
    const { rows, cols, bits, group } = tensor;
    const count = tensor.expertCount;
    const kinds = [
      ["weight", "U32", (cols * bits) / 32],
      ["scales", "BF16", cols / group],
      ["biases", "BF16", cols / group],
    ] as const;
    for (const [part, [name, dtype, last]] of kinds.entries()) {
      const bytes = Buffer.concat(experts.map((parts) => parts[part]!));
      tensors.push({ name: `${module}.${name}`, dtype, shape: [count, rows, last], data: bytes });
    }
  }
  writeFileSync(join(directory, "model.safetensors"), safetensorsBytes(tensors));
  return describeModel(directory);
}

describe("requantised models", () => {
  const layouts = [
    ["huggingface", "model.language_model."],
    ["huggingface-separate", "model."],
  ] as const;
  test.each(layouts)(
    "from %s: the logits of a checkpoint with the same weights, norms centred at zero",
    async (layout, prefix) => {
      const directory = fresh("source");
      writeTinyCheckpoint(directory, {
        layout,
        bits: 0,
        prefix,
        hidden: 64,
        expertWidth: 64,
        experts: 8,
        nested: layout === "huggingface",
      });
      for (const bits of [2, 3, 4, 5, 6, 8]) {
        const target = fresh("packed");
        await packModel(directory, target, { bits, group: 32, fit: bits === 2 ? "search" : "minmax" });
        const packed = await describeModel(target);
        const unpacked = await unpack(packed, prefix);
        expect([packed.normZeroCentred, unpacked.normZeroCentred]).toEqual([true, true]);
        const [a, b] = [await logitsOf(packed, { paranoid: true }), await logitsOf(unpacked)];
        expect({ bits, hash: a.hash }).toEqual({ bits, hash: b.hash });
      }
    },
  );
});

describe("damage", () => {
  let whole: string;

  beforeAll(async () => {
    const directory = fresh("source");
    writeTinyCheckpoint(directory, { experts: 6, expertsPerToken: 6, tokenizer: true });
    whole = fresh("whole");
    await packModel(directory, whole);
  });

  /** A copy with one bit flipped; the other files are shared. */
  function flipped(file: string, byte: number, bit: number): string {
    const directory = fresh("flipped");
    mkdirSync(directory);
    for (const name of readdirSync(whole)) if (name !== file) linkSync(join(whole, name), join(directory, name));
    const bytes = readFileSync(join(whole, file));
    bytes[byte]! ^= 1 << bit;
    writeFileSync(join(directory, file), bytes);
    return directory;
  }

  /** What verify says: thrown before it begins, or reported. */
  async function found(directory: string): Promise<string> {
    try {
      const { damaged } = await verifyModel(await describeModel(directory), { pack: await createPacker() });
      return damaged.map(({ file, layer, expert, tensor }) => `${file} ${layer} ${expert} ${tensor}`).join("; ");
    } catch (error) {
      return (error as Error).message;
    }
  }

  test("a bit flipped anywhere in any file is found by verify", async () => {
    const packed = await describeModel(whole);
    const random = seededRandom(11);
    let tried = 0;
    for (const name of ["manifest.json", ...packed.packed!.contents.map((file) => file.name)]) {
      const size = readFileSync(join(whole, name)).length;
      const places = [0, 7, 8, size - 1, ...Array.from({ length: 8 }, () => random.below(size))];
      for (const place of places) {
        const what = await found(flipped(name, place, random.below(8)));
        expect({ name, place, what: what.includes(name) || what.includes("The header of") }).toEqual({
          name,
          place,
          what: true,
        });
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(100);
  });

  test("in a record it is named by layer and expert, by verify and by --paranoid", async () => {
    const packed = await describeModel(whole);
    const { stride } = packed.tensors.find(({ role }) => role === "expertGateProj")!.weight;
    const random = seededRandom(12);
    const pieces = packed.tensors.filter(({ expertCount, layer }) => expertCount > 0 && layer === 0);
    const end = Math.max(...pieces.map(({ biases }) => biases!.offset + biases!.bytes));
    for (let round = 0; round < 12; round++) {
      const [layer, expert] = [random.below(4), random.below(6)];
      const file = `experts-0000${layer}.bin`;
      const directory = flipped(file, expert * stride + random.below(end), random.below(8));
      expect(await found(directory)).toBe(`${file} ${layer} ${expert} null`);
      const model = await describeModel(directory);
      const run = logitsOf(model, { paranoid: true, prefetch: round % 2 === 0 ? "off" : "on" });
      await expect(run).rejects.toThrow(
        new RegExp(
          `layer ${layer}, expert ${expert}: the record at byte ${expert * stride} of .*${file} does not match its hash`,
        ),
      );
    }
  });

  test("the commands: exit code 3, the place on stdout, --paranoid before it computes with damaged dense weights", async () => {
    const { weight, name } = (await describeModel(whole)).tensors.find(
      ({ role, layer }) => role === "router" && layer === 2,
    )!;
    const directory = flipped("dense.safetensors", weight.offset + 5, 3);
    const verify = await flashmoe(["verify", directory]);
    expect(verify.code).toBe(3);
    expect(verify.out).toBe(`damaged: dense.safetensors, ${name}: its weights do not match their hash\n`);
    const json = await flashmoe(["verify", directory, "--json"]);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      damaged: [{ file: "dense.safetensors", layer: null, expert: null, tensor: name }],
    });
    const run = await flashmoe(["run", "-m", directory, "--token-ids", "1,2", "-n", "2", "--paranoid"]);
    expect([run.code, run.out]).toEqual([3, ""]);
    expect(run.err).toContain(`dense.safetensors, ${name}: its weights do not match their hash.`);
    const good = await flashmoe(["verify", whole]);
    expect([good.code, good.err]).toEqual([0, ""]);
    expect(good.out).toContain("24 records, 64 tensors,");
  });

  test("--paranoid is refused where there are no hashes", async () => {
    const { code, err } = await flashmoe(["run", "--paranoid", "hello"]);
    expect(code).toBe(2);
    expect(err).toContain("only packed models have them; spark is none");
  });

  test("what verify says of a checkpoint as published", async () => {
    const directory = fresh("published");
    writeTinyCheckpoint(directory, { bits: 4 });
    const model = await describeModel(directory);
    const down = model.tensors.find(({ role, layer }) => role === "expertDownProj" && layer === 1)!;
    const path = join(directory, "model.safetensors");
    const bytes = readFileSync(path);
    bytes.writeUInt16LE(0x7fc0, down.scales!.offset + 2 * down.scales!.stride + 4);
    writeFileSync(path, bytes);
    const { damaged, unchecked } = await verifyModel(model, { pack: await createPacker() });
    expect(damaged).toEqual([
      {
        file: "model.safetensors",
        layer: 1,
        expert: 2,
        tensor: down.name,
        what: "its scales hold an infinite or NaN value",
      },
    ]);
    expect(unchecked.length).toBe(2);
  });
});
