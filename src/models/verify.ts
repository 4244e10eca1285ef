/**
 * `verify`: every byte of a packed model against its hashes, damage named by layer and expert or by tensor; of a checkpoint as
 * published, which has no hashes, only what its own form tells.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename, join } from "node:path";
import { FlashmoeError } from "../errors.ts";
import type { Extent, ModelDescription, PackedFile, TensorDescription } from "./description.ts";
import { readOptionalBytes } from "./model-files.ts";
import { type PackBlock, type Packer, type PackPiece, pieceBytes, slicesOf } from "./pack-slice.ts";
import { denseRanges, type HashedRange, mismatches, recordRanges } from "./packed-hashes.ts";
import { type ExpertStorage, expertRoles, hashBytes, partBytes, recordHashesOffset } from "./packed-layout.ts";

export interface Damage {
  file: string;
  layer: number | null;
  expert: number | null;
  tensor: string | null;
  what: string;
}

export interface VerifyReport {
  /** Records, dense tensors and files that were looked at. */
  records: number;
  tensors: number;
  files: number;
  bytes: number;
  damaged: Damage[];
  /** What could not be checked, in words. */
  unchecked: string[];
}

export interface VerifyOptions {
  pack: Packer;
  /** False: everything but the experts' records. */
  experts?: boolean;
  onProgress?(doneBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

export async function verifyModel(model: ModelDescription, options: VerifyOptions): Promise<VerifyReport> {
  return model.packed === null ? verifyCheckpoint(model, options) : verifyPacked(model, options);
}

const parts = ["weights", "scales", "biases"];

async function verifyPacked(model: ModelDescription, options: VerifyOptions): Promise<VerifyReport> {
  const { shape, directory, files, packed } = model;
  const { contents, denseFile, hashFile } = packed!;
  const table = (await readOptionalBytes(files[hashFile]!.path))!; // describing the model has compared it with its hash
  const report = emptyReport();
  const large = files.filter((_, index) => index === denseFile || (options.experts !== false && index !== hashFile));
  const total = large.reduce((sum, { bytes }) => sum + bytes, 0);
  const advance = (bytes: number) => {
    report.bytes += bytes;
    options.onProgress?.(report.bytes, Math.max(total, report.bytes));
  };
  const check = async (file: number, ranges: HashedRange[], firstEntry: number) => {
    const at = recordHashesOffset + firstEntry * hashBytes;
    const expected = table.subarray(at, at + ranges.length * hashBytes);
    const where = files[file]!;
    const hashing = { pack: options.pack, signal: options.signal, onBytes: advance };
    for (const index of await mismatches(where, ranges, expected, hashing)) {
      addDamage(report.damaged, basename(where.path), ranges[index]!);
    }
    report.files += 1;
  };
  report.files += 1; // the hash table
  const largeNames = new Set(files.map(({ path }) => basename(path)));
  for (const file of contents) if (!largeNames.has(file.name)) await checkSmall(directory, file, report);
  const records = shape.layers * shape.experts;
  await check(denseFile, denseRanges(model.tensors), records);
  report.tensors = model.tensors.filter(({ expertCount }) => expertCount === 0).length;
  if (options.experts === false) return report;
  for (let layer = 0; layer < shape.layers; layer++) {
    const own = expertRoles.map((role) => model.tensors.find((one) => one.layer === layer && one.role === role)!);
    const ranges = recordRanges(shape, layer, own as unknown as ExpertStorage);
    await check(own[0]!.weight.file, ranges, layer * shape.experts);
  }
  report.records = records;
  return report;
}

function addDamage(damaged: Damage[], file: string, range: HashedRange): void {
  const { what } = range;
  const found: Damage = { file, layer: null, expert: null, tensor: null, what: "its bytes do not match their hash" };
  if ("expert" in what) Object.assign(found, { layer: what.layer, expert: what.expert });
  else if ("header" in what) found.what = "its header does not match its hash";
  else Object.assign(found, { tensor: what.tensor, what: `its ${parts[what.part]} do not match their hash` });
  // A tensor of several blocks is named once.
  if (damaged.some((one) => JSON.stringify(one) === JSON.stringify(found))) return;
  damaged.push(found);
}

async function checkSmall(directory: string, file: PackedFile, report: VerifyReport): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(join(directory, file.name))) hash.update(chunk as Uint8Array);
  report.files += 1;
  report.bytes += file.bytes;
  if (hash.digest("hex") === file.sha256) return;
  report.damaged.push({ file: file.name, layer: null, expert: null, tensor: null, what: "it does not match its hash" });
}

/** Headers and sizes were checked when the model was described; what is left are floats that must be finite. */
async function verifyCheckpoint(model: ModelDescription, options: VerifyOptions): Promise<VerifyReport> {
  const report = emptyReport();
  report.files = model.files.length;
  report.tensors = model.tensors.length;
  report.unchecked.push(
    "packed weights: without hashes every pattern of bits is a valid weight",
    "finite values that were changed: a checkpoint as published has no hashes (`flashmoe pack` makes them)",
  );
  const looks = [...floatLooks(model.tensors)];
  const total = looks.reduce((sum, { block }) => sum + pieceBytes(block), 0);
  let index = 0;
  for (const slice of slicesOf(
    looks.map(({ block }) => block),
    pieceBytes,
  )) {
    if (options.signal?.aborted) throw new FlashmoeError("cancelled", "Checking the model was interrupted.");
    for (const { damaged } of options.pack({ task: "finite", files: model.files, blocks: slice })) {
      const { tensor, expert } = looks[index++]!;
      const found = damaged[0];
      if (found == null) continue;
      report.damaged.push({
        file: basename(model.files[tensor.weight.file]!.path),
        layer: tensor.layer,
        expert,
        tensor: tensor.name,
        what: `its ${parts[found.part]} hold an infinite or NaN value`,
      });
    }
    report.bytes += slice.reduce((sum, block) => sum + pieceBytes(block), 0);
    options.onProgress?.(report.bytes, total);
    await new Promise((resume) => setImmediate(resume)); // lets signals and drawing in
  }
  return report;
}

interface Look {
  tensor: TensorDescription;
  expert: number | null;
  block: PackBlock;
}

/** Rows of plain weights are looked at together up to so many bytes. */
const lookBytes = 8 * 1024 * 1024;

function* floatLooks(tensors: TensorDescription[]): Generator<Look> {
  for (const tensor of tensors) {
    const copies = Math.max(1, tensor.expertCount);
    const plain = tensor.format !== "affine";
    const rowBytes = tensor.weight.bytes / tensor.rows;
    const step = plain ? Math.max(1, Math.floor(lookBytes / rowBytes)) : tensor.rows;
    for (let copy = 0; copy < copies; copy++) {
      for (let first = 0; first < tensor.rows; first += step) {
        const piece = lookAt(tensor, copy, first, Math.min(step, tensor.rows - first));
        const expert = tensor.expertCount === 0 ? null : tensor.expertFirst + copy;
        yield { tensor, expert, block: { bufferBytes: 0, pieces: [piece], ranges: [] } };
      }
    }
  }
}

function lookAt(tensor: TensorDescription, copy: number, first: number, rows: number): PackPiece {
  const { format, bits, group, scaleFormat, cols } = tensor;
  const before = partBytes(tensor, first, cols);
  const sizes = partBytes(tensor, rows, cols);
  const extents = [tensor.weight, tensor.scales, tensor.biases].map((extent, part): Extent | null =>
    extent === null
      ? null
      : {
          file: extent.file,
          offset: extent.offset + copy * extent.stride + before[part]!,
          bytes: sizes[part]!,
          stride: 0,
        },
  );
  return { from: { format, bits, group, scaleFormat }, rows, cols, extents, to: null, places: [0, 0, 0] };
}

function emptyReport(): VerifyReport {
  return { records: 0, tensors: 0, files: 0, bytes: 0, damaged: [], unchecked: [] };
}
