/** Synthetic models written straight in the packed layout, and such whose layers share the files of their experts. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { describeModel } from "../models/describe.ts";
import { planPack } from "../models/pack-plan.ts";
import { writePack } from "../models/pack-write.ts";
import { expertsName } from "../models/packed-layout.ts";
import { planPackedSynth, writePackedSynth } from "../models/synth-packed.ts";
import { planSynth } from "../models/synth-plan.ts";
import { type SynthOptions, synthOptions } from "../models/synth-shape.ts";
import { writeSynth } from "../models/synth-write.ts";
import { verifyModel } from "../models/verify.ts";
import { createFiller, createPacker, FlashMoE, FlashmoeError } from "./index.ts";

const fresh = temporaryPaths();
const tokens = [5, 900, 17, 33, 256, 1, 77, 1023];

async function packedSynth(options: SynthOptions, sets?: number): Promise<string> {
  const directory = fresh("packed-synth");
  await writePackedSynth(planPackedSynth(options, sets), directory, {
    fill: await createFiller(),
    pack: await createPacker(),
  });
  return directory;
}

async function logitsOf(directory: string, memoryBytes = 0): Promise<{ hash: string; misses: number; bytes: number }> {
  await using model = await FlashMoE.open(await describeModel(directory), { memoryBytes, context: 64, threads: 1 });
  await using session = await model.createSession();
  const hash = createHash("sha256");
  for await (const row of session.logits(tokens))
    hash.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  const { expertMisses, expertBytesRead } = await model.stats();
  return { hash: hash.digest("hex"), misses: expertMisses, bytes: expertBytesRead };
}

describe("a packed synthetic model", () => {
  for (const given of [{}, { bits: 8, group: 32, dtype: "f16" }, { bits: 3 }, { bits: 0, tie: true }] as const) {
    test(`has the experts and the logits of the packed checkpoint: ${JSON.stringify(given)}`, async () => {
      const options = synthOptions("tiny", given);
      const checkpoint = fresh("checkpoint");
      await writeSynth(planSynth(options), checkpoint, { fill: await createFiller() });
      const packed = fresh("packed");
      await writePack(planPack(await describeModel(checkpoint), null), packed, {
        pack: await createPacker(),
        deleteSource: false,
      });
      const straight = await packedSynth(options);
      for (let layer = 0; layer < options.layers; layer++) {
        const own = readFileSync(join(straight, expertsName(layer)));
        expect(own.equals(readFileSync(join(packed, expertsName(layer))))).toBe(true);
      }
      expect((await logitsOf(straight)).hash).toBe((await logitsOf(checkpoint)).hash);
      const report = await verifyModel(await describeModel(straight), { pack: await createPacker() });
      expect(report.damaged).toEqual([]);
      expect(report.records).toBe(options.layers * options.experts);
    });
  }
});

describe("shared experts", () => {
  const options = synthOptions("tiny", { layers: 5 });

  test("are one file with several names, each layer's own to the model, its hashes and the cache", async () => {
    const directory = await packedSynth(options, 2);
    const inode = (layer: number) => statSync(join(directory, expertsName(layer))).ino;
    expect([2, 4].map(inode)).toEqual([inode(0), inode(0)]);
    expect(inode(3)).toBe(inode(1));
    expect(inode(1)).not.toBe(inode(0));
    const model = await describeModel(directory);
    expect(model.files.length).toBe(7); // dense, five layers, hashes
    expect((await verifyModel(model, { pack: await createPacker() })).damaged).toEqual([]);

    const alone = await logitsOf(directory);
    expect(alone.hash).not.toBe((await logitsOf(await packedSynth(options))).hash);
    // Eight tokens of four experts touch more experts than one layer has: layers that shared slots would read fewer.
    const touched = alone.misses;
    expect(touched).toBeGreaterThan(2 * options.experts);
    const { recordBytes } = await FlashMoE.plan(model);
    expect(alone.bytes).toBe(touched * recordBytes);
    const { minimumBytes } = await FlashMoE.plan(model, { context: 64, threads: 1 });
    expect((await logitsOf(directory, minimumBytes + (10 << 20))).hash).toBe(alone.hash);
  });

  test("the shape of 397B with four sets is planned with true records and a tenth of the bytes", () => {
    const plan = planPackedSynth(synthOptions("qwen3.5-397b-a17b", {}), 4);
    expect(plan.strideBytes).toBe(7_077_888);
    expect(plan.totalBytes).toBeLessThan(21 * 2 ** 30);
    expect(plan.dense.bytes + 60 * 512 * plan.strideBytes).toBeGreaterThan(200 * 2 ** 30);
  });

  test("more sets than layers are refused, and parts that the filler cannot begin", () => {
    const refusal = (plan: () => unknown) => {
      expect(plan).toThrow(FlashmoeError);
      try {
        plan();
      } catch (error) {
        return (error as FlashmoeError).message;
      }
    };
    expect(refusal(() => planPackedSynth(options, 6))).toBe("--share-experts 6 is more than the 5 layers.");
    const odd = synthOptions("tiny", { hidden: 64, group: 64, expertWidth: 64, sharedWidth: 64, bits: 4 });
    expect(refusal(() => planPackedSynth({ ...odd, expertWidth: 16, hidden: 64 }))).toContain("no multiple of 64");
  });
});
