/** Sampling defaults of a checkpoint from generation_config.json. */
import { join } from "node:path";
import { Fields } from "./fields.ts";
import { readOptionalJson } from "./model-files.ts";

/** Only what the file states; the caller's own defaults fill the rest. */
export interface GenerationDefaults {
  /** 0 when the file asks for greedy decoding (do_sample false). */
  temperature?: number;
  topP?: number;
  topK?: number;
  minP?: number;
  repeatPenalty?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
}

/** Settings that change what is generated and are not implemented; refused unless they hold their neutral value. */
const neutral: Record<string, (string | number | boolean)[]> = {
  num_beams: [1],
  num_beam_groups: [1],
  typical_p: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
};

export async function loadGenerationDefaults(directory: string): Promise<GenerationDefaults> {
  const json = await readOptionalJson(join(directory, "generation_config.json"));
  if (json === null) return {};
  const fields = new Fields(json, "generation_config.json");
  for (const [key, values] of Object.entries(neutral)) fields.require(key, values);
  const defaults: GenerationDefaults = {};
  if (fields.has("top_k")) defaults.topK = fields.whole("top_k", 0, 1 << 28);
  if (fields.has("top_p")) defaults.topP = fields.real("top_p", 0, 1);
  if (fields.has("min_p")) defaults.minP = fields.real("min_p", -1e-9, 1);
  if (fields.has("temperature")) defaults.temperature = fields.real("temperature", -1e-9, 100);
  if (fields.has("repetition_penalty")) defaults.repeatPenalty = fields.real("repetition_penalty", 0, 100);
  if (fields.has("presence_penalty")) defaults.presencePenalty = fields.real("presence_penalty", -100, 100);
  if (fields.has("frequency_penalty")) defaults.frequencyPenalty = fields.real("frequency_penalty", -100, 100);
  if (!fields.boolean("do_sample", true)) defaults.temperature = 0;
  return defaults;
}
