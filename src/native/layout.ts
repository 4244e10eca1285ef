/**
 * Reading and writing the structs that cross, by the generated layouts. Values live in buffers the caller owns;
 * 64-bit fields are numbers when read (they must be safe integers) and numbers or bigints when written.
 */
import { FlashmoeError } from "../errors.ts";

export type ScalarType = "u32" | "i32" | "u64" | "f32" | "f64";

export interface FieldLayout {
  readonly offset: number;
  readonly type: ScalarType | StructLayout;
}

export interface StructLayout {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly fields: { readonly [name: string]: FieldLayout };
}

export interface SymbolSignature {
  readonly args: readonly ("u32" | "i32" | "f32" | "f64" | "ptr")[];
  readonly returns: "u32" | "i32" | "f32" | "f64";
}

/** What `readStruct` gives for a layout. */
export type StructOf<L extends StructLayout> = {
  -readonly [K in keyof L["fields"]]: L["fields"][K]["type"] extends StructLayout
    ? StructOf<L["fields"][K]["type"]>
    : number;
};

/** What `writeStruct` takes: fields left out are zero. */
export type StructInput<L extends StructLayout> = {
  [K in keyof L["fields"]]?: L["fields"][K]["type"] extends StructLayout
    ? StructInput<L["fields"][K]["type"]>
    : L["fields"][K]["type"] extends "u64"
      ? number | bigint
      : number;
};

/** A zeroed buffer of its own: a typed array over an explicit ArrayBuffer keeps its address, a small plain one does not. */
export function allocate(bytes: number): DataView {
  return new DataView(new ArrayBuffer(Math.max(bytes, 8)));
}

export function structBuffer<L extends StructLayout>(layout: L, values: StructInput<L> = {}): DataView {
  const view = allocate(layout.size);
  writeStruct(view, 0, layout, values);
  return view;
}

export function readStruct<L extends StructLayout>(view: DataView, offset: number, layout: L): StructOf<L> {
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(layout.fields)) {
    const at = offset + field.offset;
    out[name] = typeof field.type === "string" ? readScalar(view, at, field.type) : readStruct(view, at, field.type);
  }
  return out as StructOf<L>;
}

/** Zeroes the struct, then writes the given fields; a name the struct does not have is an error. */
export function writeStruct<L extends StructLayout>(
  view: DataView,
  offset: number,
  layout: L,
  values: StructInput<L>,
): void {
  new Uint8Array(view.buffer, view.byteOffset + offset, layout.size).fill(0);
  for (const [name, value] of Object.entries(values)) {
    const field = layout.fields[name];
    if (field === undefined) throw new FlashmoeError("internal", `${layout.name} has no field ${name}`);
    if (value === undefined) continue;
    const at = offset + field.offset;
    if (typeof field.type === "string")
      writeScalar(view, at, field.type, value as number | bigint, `${layout.name}.${name}`);
    else writeStruct(view, at, field.type, value as StructInput<StructLayout>);
  }
}

function readScalar(view: DataView, at: number, type: ScalarType): number {
  switch (type) {
    case "u32":
      return view.getUint32(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
    case "u64": {
      const value = view.getBigUint64(at, true);
      if (value > BigInt(Number.MAX_SAFE_INTEGER))
        throw new FlashmoeError("internal", `${value} does not fit a number exactly`);
      return Number(value);
    }
  }
}

function writeScalar(view: DataView, at: number, type: ScalarType, value: number | bigint, name: string): void {
  switch (type) {
    case "u64":
      view.setBigUint64(at, unsigned64(value, name), true);
      break;
    case "f32":
      view.setFloat32(at, Number(value), true);
      break;
    case "f64":
      view.setFloat64(at, Number(value), true);
      break;
    case "u32":
      view.setUint32(at, whole(value, 0, 0xffff_ffff, name), true);
      break;
    case "i32":
      view.setInt32(at, whole(value, -0x8000_0000, 0x7fff_ffff, name), true);
      break;
  }
}

function whole(value: number | bigint, low: number, high: number, name: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= low && number <= high) return number;
  throw new FlashmoeError("invalid_argument", `${name} must be a whole number from ${low} to ${high}, not ${value}`);
}

function unsigned64(value: number | bigint, name: string): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new FlashmoeError("invalid_argument", `${name} must be a whole number up to 2^53 - 1, not ${value}`);
  }
  const big = BigInt(value);
  if (big < 0n || big > 0xffff_ffff_ffff_ffffn) {
    throw new FlashmoeError("invalid_argument", `${name} must be from 0 to 2^64 - 1, not ${value}`);
  }
  return big;
}
