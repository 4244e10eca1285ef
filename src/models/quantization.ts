/** The quantisation part of config.json: a default and per-module overrides, MLX affine only. Pure. */
import type { Fields } from "./fields.ts";
import { modelError, shown } from "./model-error.ts";
import { canonicalName, skippedGroup } from "./tensor-names.ts";

export interface AffineParameters {
  bits: number;
  group: number;
}

export interface Quantization {
  default: AffineParameters;
  /** Canonical module name -> its own parameters, or null for a module kept unquantised. */
  overrides: Map<string, AffineParameters | null>;
}

export const affineBits = [2, 3, 4, 5, 6, 8];
export const affineGroups = [32, 64, 128];

const ownKeys = new Set(["bits", "group_size", "mode", "quant_method", "linear_class", "quantize_activations"]);

/** null when the config states no quantisation. MLX writes `quantization` and a copy as `quantization_config`. */
export function parseQuantization(top: Fields, text: Fields): Quantization | null {
  const fields =
    top.object("quantization") ??
    top.object("quantization_config") ??
    text.object("quantization") ??
    text.object("quantization_config");
  if (fields === undefined) return null;
  const method = fields.get("quant_method");
  if (method !== undefined && method !== "mlx" && method !== "affine") {
    throw modelError(
      `${fields.where}: the quantisation method ${shown(method)} is not supported.`,
      "flashmoe reads MLX affine quantisation and unquantised bf16, f16 or f32; choose such a release.",
    );
  }
  fields.require("quantize_activations", [false]);
  const defaults = parseParameters(fields, fields);
  const overrides = new Map<string, AffineParameters | null>();
  for (const key of fields.keys()) {
    if (ownKeys.has(key) || skippedGroup(`${key}.`) !== null) continue;
    const module = canonicalName(`${key}.`)?.canonical.slice(0, -1);
    if (module === undefined) throw fields.error(key, "a module of the model or a known setting");
    overrides.set(module, parseOverride(fields, key, defaults));
  }
  return { default: defaults, overrides };
}

function parseOverride(fields: Fields, key: string, defaults: AffineParameters): AffineParameters | null {
  const value = fields.get(key);
  if (value === false) return null;
  if (value === true) return defaults;
  if (typeof value !== "object") throw fields.error(key, "an object, true or false");
  return parseParameters(fields.object(key)!, fields);
}

/** An override may leave out what it shares with the default. */
function parseParameters(fields: Fields, defaults: Fields): AffineParameters {
  const mode = fields.get("mode") ?? defaults.get("mode") ?? "affine";
  if (mode !== "affine") {
    throw modelError(
      `${fields.where}: the quantisation mode ${shown(mode)} is not supported.`,
      "flashmoe reads the affine mode only; choose an affine release of the model.",
    );
  }
  return {
    bits: member(fields.has("bits") ? fields : defaults, "bits", affineBits),
    group: member(fields.has("group_size") ? fields : defaults, "group_size", affineGroups),
  };
}

function member(fields: Fields, key: string, allowed: number[]): number {
  const value = fields.get(key);
  if (typeof value !== "number" || !allowed.includes(value)) throw fields.error(key, `one of ${allowed.join(", ")}`);
  return value;
}
