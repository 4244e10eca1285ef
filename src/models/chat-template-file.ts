/** Finds a checkpoint's chat template and the special tokens it may name. Rendering is src/chat's work. */
import { join } from "node:path";
import { downloadAgain, modelError, shown } from "./model-error.ts";
import { decodeUtf8, readOptionalBytes, readOptionalJson } from "./model-files.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./strict-json.ts";

export interface ChatTemplateSource {
  /** The file it was found in, for messages. */
  from: string;
  /** Template of plain conversations. */
  default: string;
  /** Further named templates, for example "tool_use". */
  named: Record<string, string>;
  /** bos_token, eos_token, pad_token, unk_token as texts, where the tokenizer defines them. */
  specialTokens: Record<string, string>;
}

/** chat_template.jinja first, then tokenizer_config.json, then chat_template.json; null when there is none. */
export async function loadChatTemplate(directory: string): Promise<ChatTemplateSource | null> {
  const config = await readOptionalJson(join(directory, "tokenizer_config.json"));
  const specialTokens = specialTokensOf(config);
  const file = await readOptionalBytes(join(directory, "chat_template.jinja"));
  if (file !== null) {
    const from = "chat_template.jinja";
    return { from, default: decodeUtf8(file, from), named: {}, specialTokens };
  }
  const inConfig = config?.chat_template;
  if (inConfig !== undefined && inConfig !== null) {
    return { from: "tokenizer_config.json", ...parseTemplates(inConfig, "tokenizer_config.json"), specialTokens };
  }
  const separate = await readOptionalJson(join(directory, "chat_template.json"));
  if (separate === null) return null;
  return { from: "chat_template.json", ...parseTemplates(separate.chat_template, "chat_template.json"), specialTokens };
}

/** One text, or a list of { name, template } with one named "default". */
function parseTemplates(
  value: JsonValue | undefined,
  file: string,
): { default: string; named: Record<string, string> } {
  if (typeof value === "string") return { default: value, named: {} };
  if (!Array.isArray(value)) {
    throw modelError(
      `${file}: chat_template must be a text or a list of named templates, not ${shown(value)}.`,
      downloadAgain,
    );
  }
  const named: Record<string, string> = {};
  for (const entry of value) {
    if (!isJsonObject(entry) || typeof entry.name !== "string" || typeof entry.template !== "string") {
      throw modelError(`${file}: an entry of chat_template lacks name or template.`, downloadAgain);
    }
    if (named[entry.name] !== undefined) {
      throw modelError(`${file}: chat_template has two templates named ${shown(entry.name)}.`, downloadAgain);
    }
    named[entry.name] = entry.template;
  }
  const { default: main, ...others } = named;
  if (main === undefined) throw modelError(`${file}: chat_template has no template named "default".`, downloadAgain);
  return { default: main, named: others };
}

function specialTokensOf(config: JsonObject | null): Record<string, string> {
  const result: Record<string, string> = {};
  for (const key of ["bos_token", "eos_token", "pad_token", "unk_token"]) {
    const value = config?.[key];
    if (typeof value === "string") result[key] = value;
    else if (isJsonObject(value) && typeof value.content === "string") result[key] = value.content;
  }
  return result;
}
