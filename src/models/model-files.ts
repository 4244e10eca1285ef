/** Reading the small files of a model directory (JSON, templates) with named errors. No file stays open. */
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { FlashmoeError } from "../errors.ts";
import { downloadAgain, modelError } from "./model-error.ts";
import { isJsonObject, JsonError, type JsonObject, parseStrictJson } from "./strict-json.ts";

/** First line of the stub that git leaves in place of a large file it did not fetch. */
const lfsSignature = "version https://git-lfs.github.com/spec/";
/** A config, index or template larger than this is not one. tokenizer.json of large vocabularies is about 20 MB. */
const textBytesMax = 256 * 1024 * 1024;

export function isLfsPointer(head: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(head.subarray(0, lfsSignature.length)) === lfsSignature;
}

export function lfsPointerError(name: string): Error {
  return modelError(
    `${name} is a git-LFS pointer, not the file itself.`,
    "Run `git lfs pull` in the model's directory, or download the model again with a tool that fetches large files.",
  );
}

/** errno of a failed file operation, for example "ENOENT". */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}

/** Refuses what is no directory, so that later messages can name files inside it. */
export async function requireDirectory(directory: string): Promise<void> {
  const info = await stat(directory).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return null;
    throw modelError(
      `The model directory ${directory} cannot be opened (${errnoOf(error)}).`,
      "Check the permissions.",
      error,
    );
  });
  if (info === null) {
    throw modelError(
      `There is no model at ${directory}.`,
      "Check the path, or give the directory of a downloaded model.",
    );
  }
  if (!info.isDirectory()) {
    throw modelError(`${directory} is a file, not a model directory.`, "Give the directory that holds config.json.");
  }
}

/** The bytes of a small file, or null when it does not exist. */
export async function readOptionalBytes(path: string): Promise<Uint8Array | null> {
  const name = basename(path);
  try {
    const info = await stat(path);
    if (!info.isFile()) throw modelError(`${name} is not a file.`, downloadAgain);
    if (info.size > textBytesMax)
      throw modelError(`${name} is ${info.size} bytes long, too large to be one.`, downloadAgain);
    const bytes = await readFile(path);
    if (bytes.length === 0) throw modelError(`${name} is empty.`, downloadAgain);
    if (isLfsPointer(bytes)) throw lfsPointerError(name);
    return bytes;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    if (error instanceof FlashmoeError) throw error;
    throw modelError(
      `${name} cannot be read (${errnoOf(error)}).`,
      "Check the permissions of the model directory.",
      error,
    );
  }
}

export function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw modelError(`${name} is not valid UTF-8 text.`, downloadAgain, error);
  }
}

/** The JSON object in `bytes`; the strict reader refuses duplicate keys and integers beyond 2^53. */
export function parseJsonObject(bytes: Uint8Array, name: string): JsonObject {
  try {
    const value = parseStrictJson(decodeUtf8(bytes, name));
    if (!isJsonObject(value)) throw new JsonError("not an object");
    return value;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw modelError(`${name} is not valid JSON: ${error.message}.`, downloadAgain, error);
  }
}

/** The JSON object in a file, or null when the file does not exist. */
export async function readOptionalJson(path: string): Promise<JsonObject | null> {
  const bytes = await readOptionalBytes(path);
  return bytes === null ? null : parseJsonObject(bytes, basename(path));
}
