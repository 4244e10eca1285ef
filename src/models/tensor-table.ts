/**
 * The tensors of a checkpoint by canonical name, taken one by one: what is missing, of the wrong dtype or shape, or
 * left over at the end is an error by name. Bits and group are derived from the shapes and checked against the config.
 */
import type { CheckpointFiles, StoredTensor } from "./checkpoint-files.ts";
import type { Extent, TensorDescription, TensorFormat, TensorRole } from "./description.ts";
import { downloadAgain, modelError, shown } from "./model-error.ts";
import { type AffineParameters, affineBits, affineGroups, type Quantization } from "./quantization.ts";
import { canonicalName, skippedGroup } from "./tensor-names.ts";

export interface MatrixRequest {
  /** Canonical module name without ".weight". */
  module: string;
  role: TensorRole;
  layer: number | null;
  rows: number;
  cols: number;
  /** Set for stacked expert tensors: their leading dimension. */
  experts?: number;
}

type PlainFormat = Exclude<TensorFormat, "affine">;

const plainFormats: Record<string, PlainFormat> = { F32: "f32", F16: "f16", BF16: "bf16" };

const contradictionHint = "config.json and the weights contradict each other; download both from the same release.";

export class TensorTable {
  private readonly byName = new Map<string, StoredTensor>();
  private readonly skippedBy = new Map<string, { tensors: number; bytes: number }>();
  /** Prefix of the model's own tensors, for messages about missing ones. */
  private prefix = "model.";

  constructor(
    private readonly files: CheckpointFiles,
    private readonly quantization: Quantization | null,
  ) {
    for (const tensor of files.tensors.values()) this.add(tensor);
  }

  private add(tensor: StoredTensor): void {
    const group = skippedGroup(tensor.name);
    if (group !== null) {
      this.skip(group, tensor);
      return;
    }
    const split = canonicalName(tensor.name);
    if (split === null) throw this.unknown(tensor);
    const other = this.byName.get(split.canonical);
    if (other !== undefined) {
      throw modelError(`${other.name} and ${tensor.name} are the same tensor twice.`, contradictionHint);
    }
    if (split.canonical.startsWith("embed_tokens.")) this.prefix = split.prefix;
    this.byName.set(split.canonical, tensor);
  }

  private skip(what: string, tensor: StoredTensor): void {
    const sum = this.skippedBy.get(what) ?? { tensors: 0, bytes: 0 };
    this.skippedBy.set(what, { tensors: sum.tensors + 1, bytes: sum.bytes + tensor.bytes });
  }

  has(canonical: string): boolean {
    return this.byName.has(canonical);
  }

  peek(canonical: string): StoredTensor | undefined {
    return this.byName.get(canonical);
  }

  /** Reports every tensor of a module as deliberately not read. */
  skipModule(what: string, module: string): void {
    for (const [name, tensor] of this.byName) {
      if (!name.startsWith(`${module}.`)) continue;
      this.byName.delete(name);
      this.skip(what, tensor);
    }
  }

  take(canonical: string): StoredTensor {
    const tensor = this.byName.get(canonical);
    if (tensor === undefined) {
      const name = canonical.startsWith("lm_head.") ? canonical : this.prefix + canonical;
      throw modelError(`Tensor ${name} is missing from the checkpoint.`, downloadAgain);
    }
    this.byName.delete(canonical);
    return tensor;
  }

  /** A vector or a small tensor that is never quantised; `shapes` are the accepted ones. */
  vector(
    canonical: string,
    role: TensorRole,
    layer: number | null,
    shapes: number[][],
    cols: number,
  ): TensorDescription {
    const tensor = this.take(canonical);
    if (!shapes.some((shape) => equalShapes(shape, tensor.shape))) throw this.wrongShape(tensor, shapes);
    const rows = tensor.shape.reduce((product, size) => product * size, 1) / cols;
    return { ...dense(tensor, role, layer, rows, cols), format: this.plainFormat(tensor), weight: wholeExtent(tensor) };
  }

  /** A matrix, quantised or not, dense or stacked over experts. */
  matrix(request: MatrixRequest): TensorDescription {
    const { module } = request;
    const weight = this.take(`${module}.weight`);
    const override = this.quantization?.overrides.get(module);
    if (!this.has(`${module}.scales`)) {
      if (override)
        throw this.contradiction(weight, `is not quantised, but config.json gives it ${override.bits} bits`);
      return this.plainMatrix(weight, request);
    }
    if (override === null) throw this.contradiction(weight, "is quantised, but config.json says it is not");
    return this.affineMatrix(weight, request);
  }

  /** One stacked tensor that holds several experts' matrices one after the other, never quantised. */
  plainStack(canonical: string, shape: number[]): { tensor: StoredTensor; format: PlainFormat } {
    const tensor = this.take(canonical);
    if (!equalShapes(shape, tensor.shape)) throw this.wrongShape(tensor, [shape]);
    return { tensor, format: this.plainFormat(tensor) };
  }

  private plainMatrix(weight: StoredTensor, request: MatrixRequest): TensorDescription {
    const format = this.plainFormat(weight);
    const shape = stacked(request, request.rows, request.cols);
    if (!equalShapes(shape, weight.shape)) throw this.wrongShape(weight, [shape]);
    const base = dense(weight, request.role, request.layer, request.rows, request.cols);
    return { ...base, format, ...expertRange(request), weight: extentOf(weight, request) };
  }

  private affineMatrix(weight: StoredTensor, request: MatrixRequest): TensorDescription {
    const { module, rows, cols } = request;
    const scales = this.take(`${module}.scales`);
    const biases = this.take(`${module}.biases`);
    if (weight.dtype !== "U32") throw this.wrongDtype(weight, "U32, since it has scales");
    if (scales.dtype === "U8") {
      throw modelError(
        `Tensor ${scales.name} has U8 scales: the quantisation is not affine.`,
        "Choose an affine release.",
      );
    }
    const scaleFormat = this.plainFormat(scales);
    if (biases.dtype !== scales.dtype) throw this.wrongDtype(biases, `${scales.dtype} like its scales`);
    const words = weight.shape.at(-1) ?? 0;
    const groups = scales.shape.at(-1) ?? 0;
    for (const [tensor, last] of [
      [weight, words],
      [scales, groups],
      [biases, groups],
    ] as const) {
      const expected = stacked(request, rows, last);
      if (!equalShapes(expected, tensor.shape)) throw this.wrongShape(tensor, [expected]);
    }
    const derived = { bits: (words * 32) / cols, group: cols / groups };
    this.checkAffine(weight, module, derived, cols);
    return {
      ...dense(weight, request.role, request.layer, rows, cols),
      format: "affine",
      ...derived,
      scaleFormat,
      ...expertRange(request),
      weight: extentOf(weight, request),
      scales: extentOf(scales, request),
      biases: extentOf(biases, request),
    };
  }

  private checkAffine(weight: StoredTensor, module: string, derived: AffineParameters, cols: number): void {
    const { bits, group } = derived;
    if (!affineBits.includes(bits)) {
      throw modelError(
        `Tensor ${weight.name} ${shown(weight.shape)} would have ${bits} bits per value over ${cols} columns.`,
        `Bits must be one of ${affineBits.join(", ")}. ${contradictionHint}`,
      );
    }
    if (!affineGroups.includes(group)) {
      throw modelError(
        `Tensor ${weight.name} has quantisation groups of ${group} values over ${cols} columns.`,
        `Groups must be one of ${affineGroups.join(", ")}. ${contradictionHint}`,
      );
    }
    if (this.quantization === null) {
      throw this.contradiction(weight, "is quantised, but config.json states no quantization");
    }
    const override = this.quantization.overrides.get(module);
    // Converters keep router and shared gate at 8 bits, and not all of them write that into the config.
    if (!override && /\.mlp\.(?:gate|shared_expert_gate)$/.test(module)) return;
    const stated = override ?? this.quantization.default;
    if (stated.bits !== bits || stated.group !== group) {
      throw this.contradiction(
        weight,
        `has ${bits} bits in groups of ${group}, but config.json says ${stated.bits} bits in groups of ${stated.group}`,
      );
    }
  }

  private plainFormat(tensor: StoredTensor): PlainFormat {
    const format = plainFormats[tensor.dtype];
    if (format !== undefined) return format;
    if (tensor.dtype === "U32")
      throw this.wrongDtype(tensor, "BF16, F16 or F32 (or its scales and biases are missing)");
    throw this.wrongDtype(tensor, "BF16, F16 or F32");
  }

  /** After everything was taken: leftovers and overrides that name no module are errors. */
  finish(modules: Set<string>): { what: string; tensors: number; bytes: number }[] {
    const rest = [...this.byName.values()];
    if (rest[0] !== undefined) throw this.unknown(rest[0], rest.length - 1);
    for (const module of this.quantization?.overrides.keys() ?? []) {
      if (modules.has(module)) continue;
      throw modelError(
        `config.json: quantization names ${module}, which the checkpoint does not have.`,
        contradictionHint,
      );
    }
    return [...this.skippedBy].map(([what, sum]) => ({ what, ...sum }));
  }

  private unknown(tensor: StoredTensor, more = 0): Error {
    const others = more > 0 ? ` (and ${more} more)` : "";
    return modelError(
      `Tensor ${tensor.name} in ${this.fileOf(tensor)} is not part of the model config.json describes${others}.`,
      "Nothing is ignored silently: check that config.json belongs to these weights.",
    );
  }

  private wrongShape(tensor: StoredTensor, expected: number[][]): Error {
    return modelError(
      `Tensor ${tensor.name} in ${this.fileOf(tensor)} has shape ${shown(tensor.shape)}, expected ${expected.map(shown).join(" or ")}.`,
      contradictionHint,
    );
  }

  private wrongDtype(tensor: StoredTensor, expected: string): Error {
    return modelError(
      `Tensor ${tensor.name} in ${this.fileOf(tensor)} has dtype ${tensor.dtype}, expected ${expected}.`,
      "flashmoe reads MLX affine quantisation and unquantised bf16, f16 or f32; choose such a release.",
    );
  }

  private contradiction(tensor: StoredTensor, what: string): Error {
    return modelError(`Tensor ${tensor.name} in ${this.fileOf(tensor)} ${what}.`, contradictionHint);
  }

  private fileOf(tensor: StoredTensor): string {
    return this.files.files[tensor.file]?.name ?? "?";
  }
}

function equalShapes(a: number[], b: number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

function stacked(request: MatrixRequest, rows: number, last: number): number[] {
  return request.experts === undefined ? [rows, last] : [request.experts, rows, last];
}

function expertRange(request: MatrixRequest): { expertFirst: number; expertCount: number } {
  return { expertFirst: 0, expertCount: request.experts ?? 0 };
}

function wholeExtent(tensor: StoredTensor): Extent {
  return { file: tensor.file, offset: tensor.offset, bytes: tensor.bytes, stride: 0 };
}

function extentOf(tensor: StoredTensor, request: MatrixRequest): Extent {
  if (request.experts === undefined) return wholeExtent(tensor);
  const bytes = tensor.bytes / request.experts;
  return { file: tensor.file, offset: tensor.offset, bytes, stride: bytes };
}

/** Common part of a description; format and extents are the caller's. */
function dense(tensor: StoredTensor, role: TensorRole, layer: number | null, rows: number, cols: number) {
  return {
    name: tensor.name,
    role,
    layer,
    bits: 0,
    group: 0,
    scaleFormat: "f32" as const,
    rows,
    cols,
    expertFirst: 0,
    expertCount: 0,
    scales: null,
    biases: null,
  };
}
