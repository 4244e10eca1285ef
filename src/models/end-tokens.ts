/** Which tokens end a reply. */
import { join } from "node:path";
import type { ModelConfig } from "./config.ts";
import { Fields } from "./fields.ts";
import { readOptionalJson } from "./model-files.ts";

/** Ends of text by generation_config.json first, then config.json: any of them ends a reply. */
export async function eosTokenIds(directory: string, config: ModelConfig): Promise<number[]> {
  const generation = await readOptionalJson(join(directory, "generation_config.json"));
  const own =
    generation === null
      ? []
      : new Fields(generation, "generation_config.json").tokenIds("eos_token_id", config.shape.vocab);
  return [...new Set([...own, ...config.eosTokenIds])];
}
