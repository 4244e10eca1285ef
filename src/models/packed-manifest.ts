/**
 * manifest.json of a packed model: what was packed, how the experts are stored, every file with size and hash. Its last
 * field is the hash of the rest, and the text must be exactly what this program writes: no bit of it can change unnoticed.
 */
import { createHash } from "node:crypto";
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { PackedFile, Requantised } from "./description.ts";
import { Fields } from "./fields.ts";
import { modelError } from "./model-error.ts";
import { decodeUtf8, parseJsonObject, readOptionalBytes } from "./model-files.ts";
import { type ExpertStorage, hashesName, manifestName, type Storage } from "./packed-layout.ts";
import { affineBits, affineGroups } from "./quantization.ts";
import { isJsonObject, type JsonValue } from "./strict-json.ts";

export const manifestFormat = "flashmoe packed model";
export const manifestVersion = 1;

export interface Manifest {
  source: { name: string; hash: string; layout: string };
  requantised: Requantised | null;
  /** 16 hex digits: the source's where the weights are the same. */
  modelHash: string;
  normZeroCentred: boolean;
  skipped: { what: string; tensors: number; bytes: number }[];
  /** Per layer: the file of its records and how gate, up and down are stored. */
  layers: { file: string; storages: ExpertStorage }[];
  files: PackedFile[];
}

const packAgain = "Pack the model again; `flashmoe verify` finds what else is damaged.";

/** A directory is a packed model when it has a manifest, or the table that only packed models have. */
export async function isPacked(directory: string): Promise<boolean> {
  const exists = (name: string) =>
    access(join(directory, name)).then(
      () => true,
      () => false,
    );
  return (await exists(manifestName)) || (await exists(hashesName));
}

export function manifestText(manifest: Manifest): string {
  const body = {
    format: manifestFormat,
    version: manifestVersion,
    source: manifest.source,
    requantised: manifest.requantised,
    model_hash: manifest.modelHash,
    norms: manifest.normZeroCentred ? "zero_centred" : "plain",
    skipped: manifest.skipped,
    layers: manifest.layers.map(({ file, storages }) => {
      const [gate, up, down] = storages.map(storageJson);
      return { file, gate, up, down };
    }),
    files: manifest.files,
  };
  return jsonText({ ...body, hash: hashOf(body) });
}

function storageJson(storage: Storage) {
  const { format, bits, group, scaleFormat } = storage;
  return format === "affine" ? { format, bits, group, scale_format: scaleFormat } : { format };
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

function hashOf(body: unknown): string {
  return createHash("sha256").update(JSON.stringify(body)).digest("hex");
}

export async function readManifest(directory: string): Promise<Manifest> {
  const bytes = await readOptionalBytes(join(directory, manifestName));
  if (bytes === null) {
    throw modelError(
      `${manifestName} is missing from the packed model ${directory}.`,
      "Copy it again, or pack the model again.",
    );
  }
  const json = parseJsonObject(bytes, manifestName);
  const fields = new Fields(json, manifestName);
  if (fields.text("format") !== manifestFormat) {
    throw modelError(`${manifestName} is not the manifest of a packed model.`, packAgain);
  }
  const version = fields.whole("version", 1, 1 << 20);
  if (version !== manifestVersion) {
    throw modelError(
      `${manifestName}: version ${version} of the packed layout is not known here (only ${manifestVersion}).`,
      "Use a newer flashmoe, or pack the model again with this one.",
    );
  }
  const { hash, ...body } = json;
  if (hash !== hashOf(body) || decodeUtf8(bytes, manifestName) !== jsonText(json)) {
    throw modelError(`${manifestName} does not match its own hash: it was damaged or edited.`, packAgain);
  }
  return parse(fields);
}

function parse(fields: Fields): Manifest {
  const source = required(fields, "source");
  return {
    source: { name: text(source, "name"), hash: text(source, "hash"), layout: text(source, "layout") },
    requantised: parseRequantised(fields.object("requantised")),
    modelHash: matching(fields, "model_hash", /^[0-9a-f]{16}$/, "16 hex digits"),
    normZeroCentred: oneOf(fields, "norms", ["zero_centred", "plain"]) === "zero_centred",
    skipped: objects(fields, "skipped").map((entry) => ({
      what: text(entry, "what"),
      tensors: entry.whole("tensors", 0, Number.MAX_SAFE_INTEGER),
      bytes: entry.whole("bytes", 0, Number.MAX_SAFE_INTEGER),
    })),
    layers: objects(fields, "layers").map((entry) => ({
      file: fileName(entry, "file"),
      storages: [parseStorage(entry, "gate"), parseStorage(entry, "up"), parseStorage(entry, "down")],
    })),
    files: parseFiles(fields),
  };
}

function parseRequantised(fields: Fields | undefined): Requantised | null {
  if (fields === undefined) return null;
  return {
    bits: memberOf(fields, "bits", affineBits),
    group: memberOf(fields, "group", affineGroups),
    fit: oneOf(fields, "fit", ["minmax", "search"]),
  };
}

function parseStorage(layer: Fields, key: string): Storage {
  const fields = required(layer, key);
  const format = oneOf(fields, "format", ["f32", "f16", "bf16", "affine"]);
  if (format !== "affine") return { format, bits: 0, group: 0, scaleFormat: "f32" };
  return {
    format,
    bits: memberOf(fields, "bits", affineBits),
    group: memberOf(fields, "group", affineGroups),
    scaleFormat: oneOf(fields, "scale_format", ["f32", "f16", "bf16"]),
  };
}

function parseFiles(fields: Fields): PackedFile[] {
  const files = objects(fields, "files").map((entry) => ({
    name: fileName(entry, "name"),
    bytes: entry.whole("bytes", 0, Number.MAX_SAFE_INTEGER),
    sha256: matching(entry, "sha256", /^[0-9a-f]{64}$/, "64 hex digits"),
  }));
  const names = new Set(files.map((file) => file.name));
  if (names.size !== files.length) throw fields.error("files", "a list without repetitions");
  return files;
}

function required(fields: Fields, key: string): Fields {
  const found = fields.object(key);
  if (found === undefined) throw fields.error(key, "an object");
  return found;
}

function objects(fields: Fields, key: string): Fields[] {
  const list = fields.list(key);
  if (list === undefined) throw fields.error(key, "a list");
  return list.map((value: JsonValue, index) => {
    if (!isJsonObject(value)) throw fields.error(key, "a list of objects");
    return new Fields(value, `${fields.where} ${key}[${index}]`);
  });
}

function text(fields: Fields, key: string): string {
  const value = fields.text(key);
  if (value === undefined) throw fields.error(key, "a text");
  return value;
}

function matching(fields: Fields, key: string, pattern: RegExp, what: string): string {
  const value = text(fields, key);
  if (!pattern.test(value)) throw fields.error(key, what);
  return value;
}

/** A name beside the manifest: no path leaves the model's directory. */
function fileName(fields: Fields, key: string): string {
  return matching(fields, key, /^[A-Za-z0-9_][\w.+-]*$/, "a plain file name");
}

function oneOf<T extends string>(fields: Fields, key: string, words: readonly T[]): T {
  const value = text(fields, key);
  const word = words.find((known) => known === value);
  if (word === undefined) throw fields.error(key, `one of ${words.join(", ")}`);
  return word;
}

function memberOf(fields: Fields, key: string, allowed: number[]): number {
  const value = fields.get(key);
  if (typeof value !== "number" || !allowed.includes(value)) throw fields.error(key, `one of ${allowed.join(", ")}`);
  return value;
}
