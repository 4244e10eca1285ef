/** Where the embedded default model lies as a directory: in a checkout its own, in a compiled binary extracted once. */

import { readFileSync } from "node:fs";
import { embeddedModel, embeddedSuite } from "#embedded-model";
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

/** The items of the built-in task suite, one JSON object a line; src/evaluation reads them. */
export function embeddedSuiteText(): string {
  return readFileSync(embeddedSuite, "utf8");
}
