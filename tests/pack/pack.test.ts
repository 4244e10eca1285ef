/** Packing without requantising: the same weights in another order, whole or not at all, and resumed where it stopped. */
import { describe, expect, test } from "bun:test";
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createPacker } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import { requireDeletable } from "../../src/models/pack-delete.ts";
import { planPack } from "../../src/models/pack-plan.ts";
import type { Packer } from "../../src/models/pack-slice.ts";
import { writePack } from "../../src/models/pack-write.ts";
import { verifyModel } from "../../src/models/verify.ts";
import { seededRandom } from "../kit/random.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { type TinyOptions, writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";
import { packModel, storedParts } from "./packing.ts";

const fresh = temporaryPaths();

function tiny(options: Partial<TinyOptions> = {}): string {
  const directory = fresh("source");
  writeTinyCheckpoint(directory, options);
  return directory;
}

const kinds: [string, Partial<TinyOptions>][] = [
  ["MLX, 4 bits", {}],
  ["MLX, 3 bits, f16, shards", { bits: 3, format: "f16", shards: 3 }],
  ["MLX, 6 bits, f32, tied", { bits: 6, format: "f32", tied: true }],
  ["MLX, unquantised", { bits: 0 }],
  [
    "Hugging Face, fused, with what is skipped",
    { layout: "huggingface", bits: 0, prefix: "model.language_model.", extras: true },
  ],
  [
    "Hugging Face, one tensor an expert",
    { layout: "huggingface-separate", bits: 0, prefix: "model.", nested: false, shards: 2 },
  ],
];

describe("a packed model holds the weights of its source", () => {
  test.each(kinds)("%s", async (_, options) => {
    const directory = tiny(options);
    const source = await describeModel(directory);
    const target = fresh("packed");
    const { hash, files, bytes } = await packModel(directory, target);
    const packed = await describeModel(target);
    expect(storedParts(packed)).toEqual(storedParts(source));
    expect(packed).toMatchObject({ layout: "packed", hash: source.hash, normZeroCentred: source.normZeroCentred });
    expect(packed.shape).toEqual(source.shape);
    expect(packed.eosTokenIds).toEqual(source.eosTokenIds);
    expect(packed.skipped).toEqual(source.skipped);
    expect(packed.packed).toMatchObject({ requantised: null, source: { hash: source.hash, layout: source.layout } });
    // One aligned range an expert.
    for (const { expertCount, weight } of packed.tensors) if (expertCount > 0) expect(weight.stride % 4096).toBe(0);
    // What is left is the model and nothing else, with sizes as told.
    const names = readdirSync(target);
    expect(names.length).toBe(files);
    const manifest = statSync(join(target, "manifest.json")).size;
    expect(names.reduce((sum, name) => sum + statSync(join(target, name)).size, 0)).toBe(bytes + manifest);
    expect(existsSync(`${target}.partial`)).toBe(false);
    expect(await verifyModel(packed, { pack: await createPacker() })).toMatchObject({ damaged: [], unchecked: [] });
    // The same again is the same bytes.
    const again = await packModel(directory, fresh("again"));
    expect(again.hash).toBe(hash);
  });
});

/** Lets so many native calls through, then behaves like a machine that loses power: nothing after it runs. */
function powerCut(pack: Packer, calls: number): Packer {
  let left = calls;
  return (slice) => {
    if (left-- <= 0) throw new Error("power cut");
    return pack(slice);
  };
}

test("stopped after any native call it resumes to the same bytes", async () => {
  const directory = tiny({ layers: 5, experts: 6 });
  const pack = await createPacker();
  const { hash } = await packModel(directory, fresh("whole"));
  let resumed = 0;
  for (let calls = 0; calls < 40; calls++) {
    const target = fresh("stopped");
    const first = await packModel(directory, target, null, { pack: powerCut(pack, calls) }).catch(() => null);
    if (first !== null) {
      expect(first.hash).toBe(hash);
      expect(calls).toBe(7); // header, dense tensors, five layers
      break;
    }
    expect(existsSync(target)).toBe(false);
    const second = await packModel(directory, target);
    expect(second.hash).toBe(hash);
    resumed += second.resumed;
  }
  expect(resumed).toBe(0 + 0 + 1 + 2 + 3 + 4 + 5);
});

test("what an earlier run left is checked and, where damaged, made again", async () => {
  const directory = tiny();
  const pack = await createPacker();
  const { hash } = await packModel(directory, fresh("whole"));
  const target = fresh("stopped");
  await packModel(directory, target, null, { pack: powerCut(pack, 4) }).catch(() => null);
  const layer = join(`${target}.partial`, "model", "experts-00000.bin");
  const bytes = readFileSync(layer);
  bytes[5000]! ^= 4;
  writeFileSync(layer, bytes);
  const second = await packModel(directory, target);
  expect(second).toMatchObject({ hash, resumed: 2 });
});

test("killed while it tidied up, a finished pack is only tidied up", async () => {
  const directory = tiny();
  const target = fresh("target");
  const { hash, files, bytes } = await packModel(directory, target);
  const finished = {
    id: planPack(await describeModel(directory), null).id,
    texts: [],
    done: [],
    deleted: [],
    finished: hash,
  };
  await Bun.write(`${target}.partial/experts-00003.bin.hashes`, "x");
  await Bun.write(`${target}.partial/journal.json`, JSON.stringify({ version: 1, ...finished }));
  expect(await packModel(directory, target)).toMatchObject({ hash, resumed: 0 });
  expect(existsSync(`${target}.partial`)).toBe(false);
  expect(readdirSync(target).length).toBe(files);
  expect(bytes).toBeGreaterThan(0);
  // After the journal, only the lock of the process that was killed can be left.
  await Bun.write(`${target}.partial/lock`, String(2 ** 30));
  await expect(packModel(directory, target)).rejects.toThrow(/already exists/);
  expect(existsSync(`${target}.partial`)).toBe(false);
});

test("a second pack of the same target is kept out, a dead one's lock is not", async () => {
  const directory = tiny();
  const target = fresh("target");
  await Bun.write(`${target}.partial/lock`, String(process.ppid));
  await expect(packModel(directory, target)).rejects.toThrow(`Another process (${process.ppid}) is packing into`);
  expect(readdirSync(`${target}.partial`)).toEqual(["lock"]);
  for (const text of [String(2 ** 30), "", "x", "-1", String(process.pid)]) {
    await Bun.write(`${target}.partial/lock`, text);
    await packModel(directory, target);
    rmSync(target, { recursive: true });
  }
});

test("other sources, other bits and foreign directories are refused", async () => {
  const directory = tiny();
  const target = fresh("target");
  await packModel(directory, target, null, { pack: powerCut(await createPacker(), 3) }).catch(() => null);
  const other = packModel(tiny({ seed: 9 }), target);
  await expect(other).rejects.toThrow(/unfinished pack of another source/);
  await expect(packModel(directory, target, { bits: 2, group: 32, fit: "minmax" })).rejects.toThrow(/at other bits/);
  await packModel(directory, target);
  await expect(packModel(directory, target)).rejects.toThrow(/already exists/);
  const foreign = fresh("foreign");
  await Bun.write(`${foreign}.partial/precious.txt`, "x");
  await expect(packModel(directory, foreign)).rejects.toThrow(/holds precious\.txt, which pack did not write/);
});

describe("--delete-source", () => {
  const options = { shards: 4, layers: 6 };

  test("deletes shards when nothing needs them any more, and resumes without them", async () => {
    const { hash } = await packModel(await describeModel(tiny(options), "source"), fresh("whole"));
    const pack = await createPacker();
    const random = seededRandom(3);
    let without = 0;
    for (let calls = 1; calls < 20; calls++) {
      const source = await describeModel(tiny(options), "source");
      const target = fresh("target");
      const first = packModel(source, target, null, { pack: powerCut(pack, calls), deleteSource: true });
      if (
        await first.then(
          () => true,
          () => false,
        )
      )
        break;
      const left = source.files.filter(({ path }) => existsSync(path)).length;
      if (left < 4) without += 1;
      const second = await packModel(source, target, null, { deleteSource: random.below(4) > 0 });
      expect(second.hash).toBe(hash);
    }
    expect(without).toBeGreaterThan(1);
  });

  test("a damaged file whose source is gone is told, not made up", async () => {
    const source = await describeModel(tiny(options));
    const target = fresh("target");
    const pack = powerCut(await createPacker(), 7);
    await packModel(source, target, null, { pack, deleteSource: true }).catch(() => null);
    expect(existsSync(source.files[0]!.path)).toBe(false);
    const layer = join(`${target}.partial`, "model", "experts-00000.bin");
    const bytes = readFileSync(layer);
    bytes[1] = bytes[1]! ^ 1;
    writeFileSync(layer, bytes);
    await expect(packModel(source, target)).rejects.toThrow(/experts-00000\.bin is damaged, and .* was deleted/);
  });

  test("refuses the embedded model, links and files with two names", async () => {
    const directory = tiny({ shards: 2 });
    const model = await describeModel(directory);
    await expect(requireDeletable(model, directory, [])).rejects.toThrow(/the embedded model/);
    await requireDeletable(model, dirname(directory), []);
    linkSync(model.files[0]!.path, fresh("second-name"));
    await expect(requireDeletable(model, "/", [])).rejects.toThrow(/another name on this disk/);
    const linked = fresh("linked");
    writeTinyCheckpoint(linked);
    const weights = join(linked, "model.safetensors");
    const moved = fresh("moved");
    writeFileSync(moved, readFileSync(weights));
    rmSync(weights);
    symlinkSync(moved, weights);
    await expect(requireDeletable(await describeModel(linked), "/", [])).rejects.toThrow(/a link/);
  });
});

test("not enough space is told with the number before anything large is written", async () => {
  const plan = planPack(await describeModel(tiny()), null);
  const huge = { ...plan, steps: plan.steps.map((step) => ({ ...step, bytes: step.bytes + 2 ** 50 })) };
  const options = { pack: await createPacker(), deleteSource: false };
  await expect(writePack(huge, fresh("target"), options)).rejects.toThrow(/needs 5\d{6}\.\d\d GiB but only/);
});
