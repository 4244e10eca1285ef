/** A packed model's directory -> ModelDescription, in which every record is one range of its layer's file. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { collectTensors } from "./checkpoint-files.ts";
import { architecture, type ModelConfig, parseModelConfig } from "./config.ts";
import type { ModelDescription, ModelShape, PackedFile, TensorDescription } from "./description.ts";
import { eosTokenIds } from "./end-tokens.ts";
import { modelError } from "./model-error.ts";
import { errnoOf, parseJsonObject, readOptionalBytes } from "./model-files.ts";
import { decideTied, takeTensors } from "./model-tensors.ts";
import {
  denseBlocks,
  denseName,
  type ExpertStorage,
  expertMatrix,
  hashBytes,
  hashCount,
  hashesMagic,
  hashesName,
  packedExperts,
  recordHashesOffset,
  recordLayout,
} from "./packed-layout.ts";
import { type Manifest, readManifest } from "./packed-manifest.ts";
import { parseQuantization } from "./quantization.ts";
import { readSafetensorsHeader, type SafetensorsHeader } from "./safetensors.ts";
import { TensorTable } from "./tensor-table.ts";

const damaged = "The packed model is damaged or incomplete: copy it again, or pack it again.";

/** Checks the manifest, the sizes of all files, config.json and the hash table; the weights are `verify`'s and --paranoid's. */
export async function describePacked(directory: string, name?: string): Promise<ModelDescription> {
  const manifest = await readManifest(directory);
  const contents = new Map(manifest.files.map((file) => [file.name, file]));
  for (const file of manifest.files) await checkSize(directory, file);
  const config = parseModelConfig(
    parseJsonObject(await readChecked(directory, entry(contents, "config.json")), "config.json"),
  );
  const hashes = await readChecked(directory, entry(contents, hashesName));
  const header = await readSafetensorsHeader(join(directory, entry(contents, denseName).name));
  const { shape } = config;
  if (manifest.layers.length !== shape.layers) {
    throw modelError(
      `manifest.json has the experts of ${manifest.layers.length} layers, config.json says ${shape.layers}.`,
      damaged,
    );
  }
  const paths = [denseName, ...manifest.layers.map(({ file }) => file), hashesName];
  for (const [layer, { file, storages }] of manifest.layers.entries())
    checkLayer(shape, layer, storages, entry(contents, file));
  const tensors = packedTensors(
    config,
    header,
    manifest.layers.map(({ storages }) => storages),
  );
  checkHashTable(hashes, hashCount(shape, denseBlocks(tensors)));
  return {
    name: name ?? basename(resolve(directory)),
    directory,
    layout: "packed",
    architecture,
    shape,
    normZeroCentred: manifest.normZeroCentred,
    files: paths.map((file) => ({ path: join(directory, file), bytes: entry(contents, file).bytes })),
    tensors,
    hash: manifest.modelHash,
    eosTokenIds: await eosTokenIds(directory, config),
    skipped: manifest.skipped,
    packed: packedPart(manifest, paths.length - 1),
  };
}

/** Dense tensors by the header of their file, which is file 0, and the experts of layer n in file n + 1. */
export function packedTensors(
  config: ModelConfig,
  header: SafetensorsHeader,
  layers: ExpertStorage[],
): TensorDescription[] {
  const quantization = parseQuantization(config.top, config.text);
  const table = new TensorTable({ files: [header], tensors: collectTensors([header]), unlisted: [] }, quantization);
  decideTied(config, table);
  const { tensors, modules } = takeTensors(table, config.shape, (layer) =>
    packedExperts(config.shape, layer, layers[layer]!, layer + 1),
  );
  for (const module of quantization?.overrides.keys() ?? []) {
    if (/\.mlp\.(?:switch_mlp|experts)\b/.test(module)) modules.add(module); // of experts, which the manifest describes
  }
  table.finish(modules);
  return tensors;
}

function packedPart(manifest: Manifest, hashFile: number): ModelDescription["packed"] {
  const { source, requantised, files } = manifest;
  return { source, requantised, denseFile: 0, hashFile, recordHashesOffset, contents: files };
}

function entry(contents: Map<string, PackedFile>, name: string): PackedFile {
  const file = contents.get(name);
  if (file === undefined) throw modelError(`manifest.json does not list ${name}.`, damaged);
  return file;
}

async function checkSize(directory: string, file: PackedFile): Promise<void> {
  const info = await stat(join(directory, file.name)).catch((error: unknown) => {
    throw modelError(`${file.name} of the packed model cannot be opened (${errnoOf(error)}).`, damaged, error);
  });
  if (!info.isFile()) throw modelError(`${file.name} is not a file.`, damaged);
  if (info.size !== file.bytes) {
    throw modelError(`${file.name} has ${info.size} bytes, manifest.json says ${file.bytes}.`, damaged);
  }
}

/** A file small enough to be read whole, compared with its hash. */
export async function readChecked(directory: string, file: PackedFile): Promise<Uint8Array> {
  const bytes = await readOptionalBytes(join(directory, file.name));
  if (bytes === null) throw modelError(`${file.name} of the packed model is missing.`, damaged);
  if (createHash("sha256").update(bytes).digest("hex") !== file.sha256) {
    throw modelError(`${file.name} does not match its hash in manifest.json.`, damaged);
  }
  return bytes;
}

function checkLayer(shape: ModelShape, layer: number, storages: ExpertStorage, file: PackedFile): void {
  for (const [projection, storage] of storages.entries()) {
    const { cols } = expertMatrix(shape, projection);
    if (storage.format === "affine" && cols % storage.group !== 0) {
      throw modelError(
        `manifest.json: layer ${layer} has groups of ${storage.group} values over ${cols} columns.`,
        damaged,
      );
    }
  }
  const expected = recordLayout(shape, storages).stride * shape.experts;
  if (file.bytes !== expected) {
    throw modelError(`${file.name} has ${file.bytes} bytes; ${shape.experts} experts need ${expected}.`, damaged);
  }
}

function checkHashTable(bytes: Uint8Array, count: number): void {
  const magic = bytes.subarray(0, hashesMagic.length);
  if (!magic.every((byte, i) => byte === hashesMagic[i]) || magic.length !== hashesMagic.length) {
    throw modelError(`${hashesName} is no table of hashes.`, damaged);
  }
  const expected = hashesMagic.length + count * hashBytes;
  if (bytes.length !== expected) {
    throw modelError(`${hashesName} has ${bytes.length} bytes; this model's hashes are ${expected}.`, damaged);
  }
}
