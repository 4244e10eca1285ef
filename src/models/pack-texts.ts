/** The small files of a packed model: copied from the source, config.json with what requantising changes in it. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TensorDescription } from "./description.ts";
import { modelError } from "./model-error.ts";
import { parseJsonObject, readOptionalBytes } from "./model-files.ts";
import type { PackPlan } from "./pack-plan.ts";
import { expertRoles, manifestName } from "./packed-layout.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./strict-json.ts";

const copied = /^(?:[A-Za-z0-9_][\w.+-]*\.(?:json|txt|jinja|model|md)|LICENSE|NOTICE)$/;
/** Belong to the files of the source, not to the model. */
const left = new Set([manifestName, "model.safetensors.index.json"]);

export async function packedTexts(plan: PackPlan): Promise<{ name: string; bytes: Uint8Array }[]> {
  const { directory } = plan.source;
  const names = (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && copied.test(entry.name) && !left.has(entry.name))
    .map((entry) => entry.name)
    .sort();
  const texts: { name: string; bytes: Uint8Array }[] = [];
  for (const name of names) {
    const bytes = await readOptionalBytes(join(directory, name));
    if (bytes === null) throw modelError(`${name} vanished while it was copied.`, "Run it again.");
    texts.push({ name, bytes: name === "config.json" ? configOf(plan, bytes) : bytes });
  }
  return texts;
}

/** Unchanged where no tensor changed; else with the quantisation of every tensor, in both of the places that readers look. */
function configOf(plan: PackPlan, bytes: Uint8Array): Uint8Array {
  if (plan.requantised === null) return bytes;
  const { bits, group } = plan.requantised;
  const quantization: JsonObject = { group_size: group, bits, mode: "affine", ...overrides(plan) };
  const config = parseJsonObject(bytes, "config.json");
  const result: JsonObject = { ...config, quantization, quantization_config: quantization };
  const text = config.text_config;
  if (isJsonObject(text)) {
    const { quantization: _, quantization_config: __, ...rest } = text;
    result.text_config = rest;
  }
  return new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`);
}

/** Modules stored otherwise than the default says. */
function overrides(plan: PackPlan): Record<string, JsonValue> {
  const { requantised, dense, layers, source } = plan;
  const result: Record<string, JsonValue> = {};
  const add = (module: string, stored: { format: string; bits: number; group: number }) => {
    if (stored.format !== "affine") return;
    if (stored.bits === requantised!.bits && stored.group === requantised!.group) return;
    result[module] = { group_size: stored.group, bits: stored.bits };
  };
  for (const tensor of dense) add(moduleOf(tensor), tensor);
  const prefix = layerPrefix(source.tensors);
  for (const [layer, { storages }] of layers.entries()) {
    for (const [projection, storage] of storages.entries()) {
      const name = expertRoles[projection]!.slice("expert".length, -"Proj".length).toLowerCase();
      add(`${prefix}layers.${layer}.mlp.switch_mlp.${name}_proj`, storage);
    }
  }
  return result;
}

function moduleOf(tensor: TensorDescription): string {
  return tensor.name.replace(/\.weight$/, "");
}

/** What this checkpoint has before "layers.N". */
function layerPrefix(tensors: TensorDescription[]): string {
  const name = tensors.find(({ role }) => role === "inputNorm")?.name ?? "";
  return name.slice(0, Math.max(0, name.indexOf("layers.")));
}
