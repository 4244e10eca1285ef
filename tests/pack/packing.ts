/** Packs checkpoints for the tests of this folder, and reads back what a model's files hold. */
import { readFileSync } from "node:fs";
import { createPacker } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import type { Extent, ModelDescription, Requantised, TensorDescription } from "../../src/models/description.ts";
import { planPack } from "../../src/models/pack-plan.ts";
import { type PackResult, type PackWriteOptions, writePack } from "../../src/models/pack-write.ts";

export async function packModel(
  source: ModelDescription | string,
  target: string,
  requantised: Requantised | null = null,
  options: Partial<PackWriteOptions> = {},
): Promise<PackResult> {
  const model = typeof source === "string" ? await describeModel(source) : source;
  return writePack(planPack(model, requantised), target, {
    pack: await createPacker(),
    deleteSource: false,
    ...options,
  });
}

/** The bytes of weights, scales and biases of a tensor, or of one of its experts. */
export function tensorParts(model: ModelDescription, tensor: TensorDescription, expert = 0): Uint8Array[] {
  return [tensor.weight, tensor.scales, tensor.biases].flatMap((extent: Extent | null) => {
    if (extent === null) return [];
    const at = extent.offset + expert * extent.stride;
    return [readFileSync(model.files[extent.file]!.path).subarray(at, at + extent.bytes)];
  });
}

/** Everything a model stores, by role, layer and expert: "expertGateProj 3 17 0" -> bytes of its weights. */
export function storedParts(model: ModelDescription): Map<string, string> {
  const parts = new Map<string, string>();
  for (const tensor of model.tensors) {
    for (let copy = 0; copy < Math.max(1, tensor.expertCount); copy++) {
      for (const [i, bytes] of tensorParts(model, tensor, copy).entries()) {
        const name = `${tensor.role} ${tensor.layer} ${tensor.expertFirst + copy} ${i}`;
        parts.set(name, `${tensor.format} ${tensor.bits} ${tensor.group} ${Buffer.from(bytes).toString("base64")}`);
      }
    }
  }
  return parts;
}
