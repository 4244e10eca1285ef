/** `#embedded-model` in a checkout: nothing is embedded, model and suite lie where they are committed. */

import { fileURLToPath } from "node:url";
import type { EmbeddedFile } from "../private-cache.ts";

export const embeddedModel: { directory: string } | { files: readonly EmbeddedFile[] } = {
  directory: fileURLToPath(new URL("../../models/spark/model", import.meta.url)),
};

/** The built-in task suite. */
export const embeddedSuite: string = fileURLToPath(new URL("../../models/spark/suite/held-out.jsonl", import.meta.url));
