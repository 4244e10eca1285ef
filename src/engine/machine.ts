/** Calls of the native core that need no model. Main thread; each returns quickly. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { CpuInfo as CpuInfoLayout, FillArgs, FillKind, Format } from "../native/bindings.gen.ts";
import { allocate, readStruct, structBuffer } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";
import { textArgument } from "../native/native.ts";
import { cpuInfoOf } from "./options.ts";
import type { CpuInfo } from "./types.ts";

export async function cpuInfo(): Promise<CpuInfo> {
  const native = await loadNative();
  const place = allocate(CpuInfoLayout.size);
  native.check("fm_cpu_info", place);
  return cpuInfoOf(readStruct(place, 0, CpuInfoLayout));
}

/** The loaded native library: where it lies and the SHA-256 of its file. */
export async function libraryInfo(): Promise<{ path: string; sha256: string }> {
  const { path } = await loadNative();
  return { path, sha256: createHash("sha256").update(readFileSync(path)).digest("hex") };
}

export interface FillSlice {
  seed: number | bigint;
  /** Where the tensor's data starts in the file. */
  fileOffset: number;
  /** Start of the slice within the tensor, a multiple of 64. */
  firstByte: number;
  bytes: number;
  kind: keyof typeof FillKind;
  /** Of the values, for kinds other than uniformBits. */
  format: "f32" | "f16" | "bf16";
  mean: number;
  /** Relative jitter or standard deviation. */
  spread: number;
}

/** The writer `synth` uses; made once, then called slice by slice (some megabytes each, so that Ctrl+C gets through). */
export async function createFiller(): Promise<(path: string, slice: FillSlice) => void> {
  const native = await loadNative();
  return (path, slice) => {
    const text = textArgument(path);
    const args = structBuffer(FillArgs, { ...slice, kind: FillKind[slice.kind], format: Format[slice.format] });
    native.check("fm_fill", text.view, text.bytes, args);
  };
}
