/** Encoding of f32, f16 and bf16 values for written checkpoints. */

export type FloatFormat = "f32" | "f16" | "bf16";

export const floatBytes: Record<FloatFormat, number> = { f32: 4, f16: 2, bf16: 2 };
export const floatDtype: Record<FloatFormat, string> = { f32: "F32", f16: "F16", bf16: "BF16" };

const scratch = new DataView(new ArrayBuffer(4));

/** Round to nearest, ties to even. */
export function bf16Bits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

export function f16Bits(value: number): number {
  const view = new DataView(new ArrayBuffer(2));
  view.setFloat16(0, value);
  return view.getUint16(0);
}

export function encodeFloats(values: ArrayLike<number>, format: FloatFormat): Uint8Array {
  if (format === "f32") return new Uint8Array(Float32Array.from(values).buffer);
  const encode = format === "bf16" ? bf16Bits : f16Bits;
  return new Uint8Array(Uint16Array.from(values, encode).buffer);
}
