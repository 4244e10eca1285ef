/** The sequence of zig/format/fill_values.zig in TypeScript, for tests that write checkpoints without the native core. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { FillSlice } from "../../src/models/synth-plan.ts";
import { bf16Bits, f16Bits } from "./floats.ts";

const mask = 0xffff_ffff_ffff_ffffn;
const golden = 0x9e37_79b9_7f4a_7c15n;
const kinds = { uniformBits: 0n, constantJitter: 1n, normal: 2n };

function finalise(x: bigint): bigint {
  let z = x & mask;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & mask;
  return z ^ (z >> 31n);
}

/** The bytes of a slice; `firstByte` is a multiple of 64. */
export function fillBytes(slice: FillSlice): Uint8Array {
  const key = finalise(finalise(BigInt(slice.seed) + golden) + (kinds[slice.kind] + 1n) * golden);
  const word = (n: number) => finalise(key + BigInt(n) * golden);
  const unit = slice.format === "f32" && slice.kind !== "uniformBits" ? 4 : slice.kind === "uniformBits" ? 8 : 2;
  const count = Math.ceil(slice.bytes / 64) * (64 / unit);
  const first = slice.firstByte / unit;
  const out = new DataView(new ArrayBuffer(count * unit));
  const put = (index: number, value: number) => {
    if (slice.format === "f32") out.setFloat32(index * 4, value, true);
    else out.setUint16(index * 2, slice.format === "bf16" ? bf16Bits(value) : f16Bits(value), true);
  };
  const { fround } = Math;
  const [mean, spread] = [fround(slice.mean), fround(slice.spread)];
  for (let i = 0; i < count; i++) {
    if (slice.kind === "uniformBits") {
      out.setBigUint64(i * 8, word(first + i), true);
    } else if (slice.kind === "constantJitter") {
      const bits = word((first + i) >> 1);
      const half = Number((first + i) % 2 === 0 ? bits & 0xffff_ffffn : bits >> 32n);
      const u = fround(((half >>> 8) - (1 << 23)) / (1 << 23));
      put(i, fround(mean * fround(1 + fround(spread * u))));
    } else {
      let total = 0;
      for (let part = 0; part < 3; part++) {
        const bits = word((first + i) * 3 + part);
        for (let shift = 0n; shift < 64n; shift += 16n) total += Number((bits >> shift) & 0xffffn);
      }
      put(i, fround(mean + fround(spread * fround((total - (12 * 65535) / 2) / 65536))));
    }
  }
  return new Uint8Array(out.buffer, 0, slice.bytes);
}

/** Writes a slice as the native filler does: creates or extends the file. */
export function fillFile(path: string, slice: FillSlice): void {
  const file = openSync(path, "r+");
  writeSync(file, fillBytes(slice), 0, slice.bytes, slice.fileOffset + slice.firstByte);
  closeSync(file);
}
