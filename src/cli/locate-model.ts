/** MODEL as typed -> its description; nothing typed -> the embedded model. */

import { describeModel } from "../models/describe.ts";
import type { ModelDescription } from "../models/description.ts";
import { embeddedModelDirectory, embeddedModelName } from "../models/embedded.ts";
import { resolveModel } from "../models/store.ts";

export async function locateModel(model: string | undefined): Promise<ModelDescription> {
  if (model === undefined) return describeModel(embeddedModelDirectory(), embeddedModelName);
  const { directory, name } = await resolveModel(model);
  return describeModel(directory, name);
}

/** "4-bit", "bf16" or "2 to 8-bit": the experts' precision, which every printed speed carries. */
export function expertBits(description: ModelDescription): string {
  const kinds = new Set<string>();
  for (const tensor of description.tensors) {
    if (tensor.expertCount > 0) kinds.add(tensor.format === "affine" ? `${tensor.bits}-bit` : tensor.format);
  }
  return [...kinds].sort().join("/");
}
