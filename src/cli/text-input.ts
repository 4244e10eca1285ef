/** Text from files and standard input, for prompts, evaluations and ids. UTF-8 or a usage error, never a guess. */
import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { formatBytes } from "./format.ts";
import type { Terminal } from "./terminal.ts";
import { quoted, usage } from "./usage.ts";

/** No context holds more text than this; reading on would only fill the memory. */
const INPUT_BYTES_MAX = 64 * 2 ** 20;
/** After so long without the end of standard input somebody may wonder. */
const EXPLAIN_AFTER_MS = 2000;

/** Standard input to its end. Empty when it is a terminal: nobody is asked to type there. */
export async function readStandardInput(terminal: Terminal): Promise<string> {
  if (isatty(0)) return "";
  const explain = setTimeout(
    () => terminal.note("flashmoe: waiting for the end of standard input; where none is meant, run with </dev/null"),
    EXPLAIN_AFTER_MS,
  );
  try {
    return decode(await readAll(), "standard input");
  } finally {
    clearTimeout(explain);
  }
}

async function readAll(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of Bun.stdin.stream()) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > INPUT_BYTES_MAX) break;
    }
  } catch (cause) {
    throw unreadable("standard input", cause);
  }
  if (bytes <= INPUT_BYTES_MAX) return Buffer.concat(pieces);
  throw usage(`standard input is longer than ${formatBytes(INPUT_BYTES_MAX)}.`, "No context holds that much text.");
}

export function readTextFile(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return decode(bytes, path);
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw usage(`${name} is not UTF-8 text.`, "Convert it first, for example with iconv.", cause);
  }
}

function unreadable(name: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  return usage(`${name} cannot be read (${code ?? message}).`, "Give readable UTF-8 text.", cause);
}

/** The argument, the input, or both with a blank line between them. */
export function joinPrompt(argument: string | undefined, input: string): string {
  const text = [argument ?? "", input].filter((part) => part !== "").join("\n\n");
  if (text.trim() !== "") return text;
  throw usage(
    "the prompt is empty.",
    'Give it as an argument or on standard input: flashmoe run "Tell me a story about a fox."',
  );
}

/** "1,2,3", also separated by spaces or lines -> [1, 2, 3]. `from` is the flag or file, for messages. */
export function parseTokenIds(text: string, from: string): number[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const ids = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  const bad = ids.findIndex((id) => !Number.isSafeInteger(id));
  if (bad >= 0) throw usage(`${from}: ${quoted(parts[bad]!)} is not a token id.`, "Write ids like 1,2,3.");
  if (ids.length === 0) throw usage(`${from} holds no token ids.`, "Give at least one id, like 1,2,3.");
  return ids;
}

/** The value of --token-ids: ids, or a file of them, since a command line holds some thousands at most. */
export function readTokenIds(value: string): number[] {
  if (/^[\d\s,]*$/.test(value)) return parseTokenIds(value, "--token-ids");
  let text: string;
  try {
    text = readTextFile(value);
  } catch (cause) {
    throw usage(
      `--token-ids: ${quoted(value)} is neither ids like 1,2,3 nor a file of them.`,
      "Give ids, or a readable file of ids.",
      cause,
    );
  }
  return parseTokenIds(text, value);
}

/** Ids from the command line against the model's vocabulary. */
export function checkTokenIds(ids: ArrayLike<number>, vocab: number, from: string): void {
  for (let i = 0; i < ids.length; i++) {
    if (ids[i]! < vocab) continue;
    throw usage(
      `${from}: token id ${ids[i]} is outside the model's vocabulary.`,
      `Token ids of this model go from 0 to ${vocab - 1}.`,
    );
  }
}
