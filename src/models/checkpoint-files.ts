/** Which safetensors files make up a checkpoint, and every tensor in them by name. Headers only. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { downloadAgain, modelError, shown } from "./model-error.ts";
import { readOptionalJson } from "./model-files.ts";
import { type HeaderTensor, readSafetensorsHeader, type SafetensorsHeader } from "./safetensors.ts";
import { isJsonObject } from "./strict-json.ts";

export interface StoredTensor extends HeaderTensor {
  /** Name in the checkpoint. */
  name: string;
  /** Index into `CheckpointFiles.files`. */
  file: number;
}

export interface CheckpointFiles {
  files: SafetensorsHeader[];
  tensors: Map<string, StoredTensor>;
  /** Safetensors files in the directory that belong to no shard list. */
  unlisted: string[];
}

const indexName = "model.safetensors.index.json";
const shardPattern = /^(.+)-(\d+)-of-(\d+)\.safetensors$/;

export async function openCheckpointFiles(directory: string): Promise<CheckpointFiles> {
  const present = (await readdir(directory)).filter((name) => name.endsWith(".safetensors")).sort();
  const index = await readIndex(directory);
  const names = index === null ? unindexedFiles(present) : [...new Set(index.values())].sort();
  checkPresent(names, present);
  const files = await Promise.all(names.map((name) => readSafetensorsHeader(join(directory, name))));
  const tensors = collectTensors(files);
  if (index !== null) checkIndex(index, files, tensors);
  const listed = new Set(names);
  return { files, tensors, unlisted: present.filter((name) => !listed.has(name)) };
}

/** Tensor name -> file name, or null when the checkpoint has no index. */
async function readIndex(directory: string): Promise<Map<string, string> | null> {
  const json = await readOptionalJson(join(directory, indexName));
  if (json === null) return null;
  const weightMap = json.weight_map;
  if (!isJsonObject(weightMap)) throw modelError(`${indexName} has no weight_map.`, downloadAgain);
  const map = new Map<string, string>();
  for (const tensor in weightMap) {
    const file = weightMap[tensor];
    if (typeof file !== "string" || !/^[^/\\]+\.safetensors$/.test(file)) {
      throw modelError(
        `${indexName} places ${tensor} in ${shown(file)}, which is no file name beside it.`,
        "Shards must be .safetensors files in the model's own directory.",
      );
    }
    map.set(tensor, file);
  }
  if (map.size === 0) throw modelError(`${indexName} lists no tensors.`, downloadAgain);
  return map;
}

/** Without an index: every model*.safetensors, as the libraries that write them load them. */
function unindexedFiles(present: string[]): string[] {
  const names = present.filter((name) => name.startsWith("model"));
  if (names.length === 0) {
    throw modelError(
      present.length === 0
        ? "The directory holds no .safetensors files."
        : `The directory holds no model*.safetensors file (found ${shown(present)}).`,
      "flashmoe reads safetensors checkpoints; GGUF and PyTorch .bin files are not supported.",
    );
  }
  for (const name of names) {
    const match = shardPattern.exec(name);
    if (match === null) continue;
    const [, stem, digits, total] = match as unknown as [string, string, string, string];
    if (Number(total) > 100_000) throw modelError(`${name} claims to be one of ${total} shards.`, downloadAgain);
    for (let i = 1; i <= Number(total); i++) {
      const expected = `${stem}-${String(i).padStart(digits.length, "0")}-of-${total}.safetensors`;
      if (!names.includes(expected)) {
        throw modelError(
          `The shard ${expected} is missing (${name} is one of ${Number(total)}).`,
          "Download the model again.",
        );
      }
    }
  }
  return names;
}

function checkPresent(names: string[], present: string[]): void {
  const missing = names.filter((name) => !present.includes(name));
  if (missing.length === 0) return;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
  throw modelError(
    `The shard ${missing[0]}${more} is listed in ${indexName} but absent.`,
    "Download the model again; a finished download has every shard.",
  );
}

/** Every tensor of the files by name; none may be there twice. */
export function collectTensors(files: SafetensorsHeader[]): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [index, file] of files.entries()) {
    for (const [name, tensor] of file.tensors) {
      const other = tensors.get(name);
      if (other !== undefined) {
        throw modelError(`Tensor ${name} is in both ${files[other.file]?.name} and ${file.name}.`, downloadAgain);
      }
      tensors.set(name, { ...tensor, name, file: index });
    }
  }
  return tensors;
}

function checkIndex(index: Map<string, string>, files: SafetensorsHeader[], tensors: Map<string, StoredTensor>): void {
  for (const [name, file] of index) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      throw modelError(`Tensor ${name} is missing: ${indexName} places it in ${file}, which lacks it.`, downloadAgain);
    }
    const actual = files[tensor.file]?.name;
    if (actual !== file) {
      throw modelError(
        `Tensor ${name} is in ${actual}, but ${indexName} places it in ${file}: the shards are swapped or renamed.`,
        downloadAgain,
      );
    }
  }
  for (const tensor of tensors.values()) {
    if (!index.has(tensor.name)) {
      throw modelError(
        `Tensor ${tensor.name} in ${files[tensor.file]?.name} is not listed in ${indexName}.`,
        downloadAgain,
      );
    }
  }
}
