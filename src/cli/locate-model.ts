/** MODEL as typed -> its description; nothing typed, or the embedded model's own name -> the embedded model. */

import { describeModel } from "../models/describe.ts";
import type { ModelDescription } from "../models/description.ts";
import { embeddedModelDirectory, embeddedModelName } from "../models/embedded.ts";
import { type ResolvedModel, resolveModel } from "../models/store.ts";
import { usage } from "./usage.ts";

/** Commands that take MODEL as their argument take it by -m too, as the others do. */
export function chosenModel(argument: string | undefined, flag: string | undefined): string | undefined {
  if (argument === undefined || flag === undefined) return argument ?? flag;
  throw usage("MODEL and --model were both given.", "Give one of them.");
}

export async function locateModel(model: string | undefined): Promise<ModelDescription> {
  if (model === "") throw usage("the name of the model is empty.", "Give a directory, or leave it out.");
  const found = model === undefined ? null : await resolve(model);
  return found === null
    ? describeModel(embeddedModelDirectory(), embeddedModelName)
    : describeModel(found.directory, found.name);
}

/** Null for the embedded model. A directory or a stored model of the same name wins. */
async function resolve(model: string): Promise<ResolvedModel | null> {
  try {
    return await resolveModel(model);
  } catch (error) {
    if (model === embeddedModelName) return null;
    throw error;
  }
}

/** "4-bit", "bf16" or "4-bit/8-bit": the experts' precision, which every printed speed carries. */
export function expertBits(description: ModelDescription): string {
  const kinds = new Set<string>();
  for (const tensor of description.tensors) {
    if (tensor.expertCount > 0) kinds.add(tensor.format === "affine" ? `${tensor.bits}-bit` : tensor.format);
  }
  return [...kinds].sort().join("/");
}
