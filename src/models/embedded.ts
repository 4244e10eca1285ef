/** Where the embedded default model lies as a directory: in a checkout its own, in a compiled binary extracted once. */

import { embeddedModel } from "#embedded-model";
import { withPlacedFiles } from "../private-cache.ts";

/** Name the embedded model goes by in output and messages. */
export const embeddedModelName = "spark";

/**
 * Directory of the embedded model's checkpoint. In a compiled binary its files are first copied into the private cache
 * (about as large as the model, reused by later runs) and their hashes are checked at every call.
 */
export function embeddedModelDirectory(): string {
  return "directory" in embeddedModel
    ? embeddedModel.directory
    : withPlacedFiles(embeddedModel.files, (directory) => directory);
}
