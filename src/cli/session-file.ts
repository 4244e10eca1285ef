/** `--session FILE`: the part of the file that is this command's own, beside the native state; and what the path must be. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import type { ChatMessage } from "../chat/messages.ts";
import { FlashmoeError } from "../errors.ts";
import type { SamplingSettings } from "./shared-flags.ts";
import { usage } from "./usage.ts";

export interface SavedConversation {
  version: 1;
  /** Empty for sessions of --raw and --token-ids. */
  messages: ChatMessage[];
  /** The last sampled token, not yet fed to the model. */
  lastToken: number | null;
  sampling: SamplingSettings;
}

/** True when there is a session to continue. Refuses now what could not be written after the reply. */
export function sessionExists(path: string): boolean {
  if (path === "") throw usage("--session is empty.", "Give the name of a file.");
  const info = statSync(path, { throwIfNoEntry: false });
  if (info !== undefined && !info.isFile()) throw usage(`${path} is no session file.`, "Give the name of a file.");
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw usage(
      `${folder} cannot be written to, so no session can be saved there (${(cause as NodeJS.ErrnoException).code}).`,
      "Give a file in a directory that exists and is yours.",
      cause,
    );
  }
  return info !== undefined;
}

export function encodeSaved(saved: SavedConversation): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(saved));
}

export function decodeSaved(user: Uint8Array, path: string): SavedConversation {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(user));
    if (isSaved(value)) return value;
  } catch {
    // falls through to the named error: the native part of the file was whole, this part is not ours
  }
  throw new FlashmoeError("session_file_invalid", `${path} was not written by \`flashmoe run\`.`, {
    hint: "Start a new session file.",
  });
}

const settings: (keyof SamplingSettings)[] = [
  "temperature",
  "topP",
  "topK",
  "minP",
  "repeatPenalty",
  "presencePenalty",
  "frequencyPenalty",
  "seed",
];

function isSaved(value: unknown): value is SavedConversation {
  if (!isRecord(value) || value.version !== 1 || !Array.isArray(value.messages)) return false;
  const { lastToken, sampling } = value;
  return (
    value.messages.every(
      (message) => isRecord(message) && typeof message.content === "string" && isRole(message.role),
    ) &&
    (lastToken === null || typeof lastToken === "number") &&
    isRecord(sampling) &&
    settings.every((name) => typeof sampling[name] === "number")
  );
}

function isRole(role: unknown): boolean {
  return role === "system" || role === "user" || role === "assistant";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
