/** Requantising: MLX's rule bit for bit, the better fit at 2 bits, and what becomes of gates, names and config. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPacker } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import type { PackPiece } from "../../src/models/pack-slice.ts";
import golden from "../golden/mlx-quantize.json" with { type: "json" };
import { encodeFloats } from "../kit/floats.ts";
import { seededRandom } from "../kit/random.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";
import { packModel, storedParts } from "./packing.ts";

const fresh = temporaryPaths();
type Float = "f32" | "f16" | "bf16";
const sizes = { f32: 4, f16: 2, bf16: 2 };

interface Quantised {
  weight: string;
  scales: string;
  biases: string;
  error: { squares: number; errors: number; minmaxErrors: number };
}

/** One matrix through the native packer: base64 of what it wrote. */
async function quantise(
  bytes: Uint8Array,
  from: PackPiece["from"],
  rows: number,
  cols: number,
  to: NonNullable<PackPiece["to"]>,
  lengths: [number, number, number],
): Promise<Quantised> {
  const pack = await createPacker();
  const [source, target] = [fresh("values"), fresh("quantised")];
  writeFileSync(source, bytes);
  const scale = sizes[from.format === "affine" ? from.scaleFormat : from.format];
  const weightBytes = (rows * cols * to.bits) / 8;
  const scaleBytes = ((rows * cols) / to.group) * scale;
  let at = 0;
  const extents = lengths.map((length) => {
    at += length;
    return length === 0 ? null : { file: 0, offset: at - length, bytes: length, stride: 0 };
  });
  const places: [number, number, number] = [0, weightBytes, weightBytes + scaleBytes];
  const total = weightBytes + 2 * scaleBytes;
  const [block] = pack({
    task: "write",
    target,
    files: [{ path: source, bytes: bytes.length }],
    blocks: [
      {
        bufferBytes: total,
        pieces: [{ from, rows, cols, extents, to, places }],
        ranges: [{ file: 0, offset: 0, bytes: total, padding: 0, place: 0 }],
      },
    ],
  });
  const out = readFileSync(target);
  const part = (start: number, length: number) => out.subarray(start, start + length).toString("base64");
  return {
    weight: part(0, weightBytes),
    scales: part(places[1], scaleBytes),
    biases: part(places[2], scaleBytes),
    error: block!.error,
  };
}

const plain = (format: Float): PackPiece["from"] => ({ format, bits: 0, group: 0, scaleFormat: "f32" });

describe("MLX's rule", () => {
  const { rows, cols } = golden;
  for (const { format, bits, group, ...expected } of golden.cases) {
    test(`${format}, ${bits} bits, groups of ${group}: the bytes that mlx ${golden.mlx} made`, async () => {
      const bytes = Buffer.from(golden.inputs[format as Float], "base64");
      const to = { bits, group, fit: "minmax" } as const;
      const made = await quantise(bytes, plain(format as Float), rows, cols, to, [bytes.length, 0, 0]);
      expect(made).toMatchObject(expected);
      expect(made.error.errors).toBe(made.error.minmaxErrors);
    });
  }
});

function floatsOf(bytes: Uint8Array, format: Float): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = new DataView(new ArrayBuffer(4));
  return Array.from({ length: bytes.length / sizes[format] }, (_, i) => {
    if (format === "f32") return view.getFloat32(4 * i, true);
    if (format === "f16") return view.getFloat16(2 * i, true);
    wide.setUint16(2, view.getUint16(2 * i, true), true);
    return wide.getFloat32(0, true);
  });
}

/** What codes, scales and biases stand for. */
function decoded(made: Quantised, format: Float, bits: number, group: number): number[] {
  const stream = Buffer.from(made.weight, "base64");
  const [scales, biases] = [made.scales, made.biases].map((text) => floatsOf(Buffer.from(text, "base64"), format));
  return Array.from({ length: (stream.length * 8) / bits }, (_, i) => {
    let code = 0;
    for (let bit = 0; bit < bits; bit++) {
      const place = i * bits + bit;
      code |= ((stream[place >> 3]! >> (place & 7)) & 1) << bit;
    }
    const at = Math.floor(i / group);
    return Math.fround(Math.fround(code * scales![at]!) + biases![at]!);
  });
}

function squaredError(values: number[], made: number[]): number {
  return values.reduce((sum, value, i) => sum + (value - made[i]!) ** 2, 0);
}

/** Of normal weights in groups of 64; measured: 0.32 of their deviation against 0.39 by the rule at 2 bits. */
const ratios = new Map([
  [2, 0.85],
  [3, 0.91],
]);

describe("the search for the least error", () => {
  const [rows, cols, group] = [64, 128, 64];
  for (const format of ["f32", "f16", "bf16"] as const) {
    test.each([...ratios])(`${format}, %i bits: better by far on the whole, worse in no group`, async (bits, ratio) => {
      const random = seededRandom(bits);
      const written = Array.from({ length: rows * cols }, () => 0.05 * random.normal());
      const bytes = encodeFloats(written, format);
      const values = floatsOf(bytes, format);
      const lengths: [number, number, number] = [bytes.length, 0, 0];
      const search = await quantise(bytes, plain(format), rows, cols, { bits, group, fit: "search" }, lengths);
      const minmax = await quantise(bytes, plain(format), rows, cols, { bits, group, fit: "minmax" }, lengths);
      const [found, rule] = [decoded(search, format, bits, group), decoded(minmax, format, bits, group)];
      for (let at = 0; at < values.length; at += group) {
        const of = (list: number[]) => list.slice(at, at + group);
        expect(squaredError(of(values), of(found))).toBeLessThanOrEqual(
          squaredError(of(values), of(rule)) * (1 + 1e-4),
        );
      }
      expect(Math.sqrt(squaredError(values, found) / squaredError(values, rule))).toBeLessThan(ratio);
      // The sums it reports are those of what it wrote.
      const zeros = values.map(() => 0);
      expect(search.error.errors / squaredError(values, found)).toBeCloseTo(1, 4);
      expect(search.error.minmaxErrors / squaredError(values, rule)).toBeCloseTo(1, 4);
      expect(search.error.squares / squaredError(values, zeros)).toBeCloseTo(1, 6);
    });
  }
});

test("a quantised source is decoded first: its values are what is quantised", async () => {
  const { rows, cols } = golden;
  for (const bits of [3, 4, 5, 6, 8]) {
    const bytes = Buffer.from(golden.inputs.f32, "base64");
    const first = await quantise(bytes, plain("f32"), rows, cols, { bits, group: 32, fit: "minmax" }, [
      bytes.length,
      0,
      0,
    ]);
    const values = Float32Array.from(decoded(first, "f32", bits, 32));
    const to = { bits: 2, group: 64, fit: "search" } as const;
    const parts = [first.weight, first.scales, first.biases].map((part) => Buffer.from(part, "base64"));
    const from: PackPiece["from"] = { format: "affine", bits, group: 32, scaleFormat: "f32" };
    const lengths = parts.map((part) => part.length) as [number, number, number];
    const twice = await quantise(Buffer.concat(parts), from, rows, cols, to, lengths);
    const plainBytes = new Uint8Array(values.buffer);
    const direct = await quantise(plainBytes, plain("f32"), rows, cols, to, [plainBytes.length, 0, 0]);
    expect({ bits, ...twice }).toEqual({ bits, ...direct });
  }
});

describe("a model", () => {
  test("gates keep 8 bits in groups of 64, vectors and what does not divide stay as they are", async () => {
    const directory = fresh("source");
    const options = {
      layout: "huggingface",
      bits: 0,
      prefix: "model.language_model.",
      hidden: 128,
      expertWidth: 96,
    } as const;
    writeTinyCheckpoint(directory, options);
    const target = fresh("packed");
    const result = await packModel(directory, target, { bits: 4, group: 64, fit: "minmax" });
    const [source, packed] = [await describeModel(directory), await describeModel(target)];
    expect(packed.normZeroCentred).toBe(true);
    expect(packed.hash).not.toBe(source.hash);
    for (const tensor of packed.tensors) {
      const gate = tensor.role === "router" || tensor.role === "sharedGate";
      const vector = /[nN]orm$|deltaConv|deltaALog|deltaDtBias/.test(tensor.role);
      const expected = vector || tensor.cols % 64 !== 0 ? [0, 0] : gate ? [8, 64] : [4, 64];
      expect({ name: tensor.name, is: [tensor.bits, tensor.group] }).toEqual({ name: tensor.name, is: expected });
    }
    const down = packed.tensors.find(({ role }) => role === "expertDownProj");
    expect(down).toMatchObject({ format: "bf16", cols: 96 });
    const config = JSON.parse(readFileSync(join(target, "config.json"), "utf8"));
    expect(config.quantization).toMatchObject({ bits: 4, group_size: 64, mode: "affine" });
    expect(config.quantization["model.language_model.layers.0.mlp.gate"]).toEqual({ bits: 8, group_size: 64 });
    expect(config.quantization_config).toEqual(config.quantization);
    const { error } = result;
    expect(Math.sqrt(error!.errors / error!.squares)).toBeGreaterThan(0.01);
    expect(Math.sqrt(error!.errors / error!.squares)).toBeLessThan(0.12);
  });

  test("fused and separate experts of the same weights become the same records", async () => {
    const parts: Map<string, string>[] = [];
    for (const layout of ["huggingface", "huggingface-separate"] as const) {
      const directory = fresh(layout);
      writeTinyCheckpoint(directory, { layout, bits: 0, prefix: "model.", nested: false, tokenizer: false });
      const target = fresh("packed");
      await packModel(directory, target, { bits: 5, group: 32, fit: "minmax" });
      parts.push(storedParts(await describeModel(target)));
    }
    const experts = parts.map((map) => [...map.keys()].filter((key) => key.startsWith("expert")).length);
    expect(experts).toEqual([4 * 4 * 9, 4 * 4 * 9]);
  });

  test("bits are never raised, and what has fewer is packed as it is", async () => {
    const directory = fresh("source");
    writeTinyCheckpoint(directory, { bits: 4 });
    const plainly = await packModel(directory, fresh("plain"));
    const raised = await packModel(directory, fresh("raised"), { bits: 6, group: 64, fit: "minmax" });
    expect(raised).toEqual({ ...plainly, directory: raised.directory });
    const target = fresh("lower");
    const lower = await packModel(directory, target, { bits: 3, group: 32, fit: "minmax" });
    expect(lower.error).not.toBeNull();
    const packed = await describeModel(target);
    expect(new Set(packed.tensors.filter(({ expertCount }) => expertCount > 0).map(({ bits }) => bits))).toEqual(
      new Set([3]),
    );
    // A packed model can be packed again at fewer bits.
    const again = fresh("again");
    await packModel(target, again, { bits: 2, group: 32, fit: "search" });
    expect((await describeModel(again)).packed).toMatchObject({ requantised: { bits: 2, group: 32, fit: "search" } });
  });

  test("an infinite weight is refused by file and byte", async () => {
    const directory = fresh("source");
    writeTinyCheckpoint(directory, { bits: 0 });
    const source = await describeModel(directory);
    const up = source.tensors.find(({ role, layer }) => role === "expertUpProj" && layer === 2)!;
    const path = source.files[0]!.path;
    const bytes = readFileSync(path);
    const place = up.weight.offset + up.weight.stride + 10;
    bytes.writeUInt16LE(0x7f80, place);
    writeFileSync(path, bytes);
    for (const to of [null, { bits: 4, group: 32, fit: "minmax" } as const]) {
      await expect(packModel(directory, fresh("target"), to)).rejects.toThrow(
        new RegExp(`model\\.safetensors holds an infinite or NaN value at byte ${place};`),
      );
    }
  });
});
