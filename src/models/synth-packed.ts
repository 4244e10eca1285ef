/**
 * A synthetic model straight in the packed layout, with the weights of the checkpoint of the same options; the experts' files
 * are those that packing it gives. Layers may take their experts in turn from a few sets, hard links to the same files: a
 * shape of hundreds of gigabytes then fits on a small disk, while every read is a real one and the cache still tells the
 * layers apart.
 */
import { createHash } from "node:crypto";
import { link, truncate, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { FlashmoeError } from "../errors.ts";
import { parseModelConfig } from "./config.ts";
import { packedTensors } from "./describe-packed.ts";
import type { PackedFile } from "./description.ts";
import { syncDirectory, syncFile } from "./durable-files.ts";
import { errnoOf, parseJsonObject } from "./model-files.ts";
import type { Packer } from "./pack-slice.ts";
import { denseRanges, hashRanges, recordRanges } from "./packed-hashes.ts";
import {
  denseName,
  type ExpertStorage,
  expertsName,
  hashesMagic,
  hashesName,
  manifestName,
  type Storage,
} from "./packed-layout.ts";
import { type Manifest, manifestText } from "./packed-manifest.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { fillSlices, planFile, planTexts, type SynthFile, type SynthPlan, tensorSeed } from "./synth-plan.ts";
import type { SynthOptions } from "./synth-shape.ts";
import { type SynthTensor, synthTensors } from "./synth-tensors.ts";
import { type SynthWriteOptions, writeDirectory } from "./synth-write.ts";

const alignedTo = 64; // parts of a record, and where the filler may begin
const pageBytes = 4096;

/** The nine tensors of a layer's experts (three where they are plain), each with its place in a record. */
interface ExpertPart {
  tensor: SynthTensor;
  bytes: number;
  place: number;
}

export interface PackedSynthPlan {
  options: SynthOptions;
  dense: SynthFile;
  texts: SynthPlan["texts"];
  storages: ExpertStorage;
  /** Sets of experts, layer n has set n modulo their number. */
  sets: ExpertPart[][];
  strideBytes: number;
  /** What is written; links cost nothing. */
  totalBytes: number;
}

export interface PackedSynthOptions extends SynthWriteOptions {
  pack: Packer;
}

/** `sets`: as many sets of experts; left out, every layer has its own. */
export function planPackedSynth(options: SynthOptions, sets = options.layers): PackedSynthPlan {
  if (sets > options.layers) {
    throw new FlashmoeError("usage", `--share-experts ${sets} is more than the ${options.layers} layers.`, {
      hint: "Give as many sets of experts as layers, or fewer.",
    });
  }
  const { tensors, gateModules } = synthTensors(options);
  const expertOf = /\.layers\.(\d+)\.mlp\.switch_mlp\./;
  const dense = planFile(
    denseName,
    tensors.filter(({ name }) => !expertOf.test(name)),
    options.seed,
  );
  const layers: SynthTensor[][] = Array.from({ length: sets }, () => []);
  for (const tensor of tensors) {
    const layer = expertOf.exec(tensor.name)?.[1];
    if (layer !== undefined && Number(layer) < sets) layers[Number(layer)]!.push(tensor);
  }
  const placed = layers.map((own) => placeParts(own, options));
  const texts = planTexts(options, gateModules, [dense]);
  const textBytes = texts.reduce((total, { text }) => total + Buffer.byteLength(text), 0);
  const { strideBytes } = placed[0]!;
  const totalBytes = dense.bytes + textBytes + sets * options.experts * strideBytes;
  const storages = storagesOf(options);
  return { options, dense, texts, storages, sets: placed.map(({ parts }) => parts), strideBytes, totalBytes };
}

function storagesOf({ bits, group, dtype }: SynthOptions): ExpertStorage {
  const storage: Storage =
    bits === 0
      ? { format: dtype, bits: 0, group: 0, scaleFormat: "f32" }
      : { format: "affine", bits, group, scaleFormat: dtype };
  return [storage, storage, storage];
}

/** Gate, up and down, of each weights, scales and biases: the order in which they are made. */
function placeParts(tensors: SynthTensor[], { experts }: SynthOptions): { parts: ExpertPart[]; strideBytes: number } {
  let at = 0;
  const parts = tensors.map((tensor) => {
    const bytes = tensor.bytes / experts;
    if (bytes % alignedTo !== 0) {
      throw new FlashmoeError("usage", `An expert's part of ${tensor.name} is ${bytes} bytes, no multiple of 64.`, {
        hint: "Write the checkpoint without --packed, then pack it.",
      });
    }
    const place = at;
    at += bytes;
    return { tensor, bytes, place };
  });
  return { parts, strideBytes: Math.ceil(at / pageBytes) * pageBytes };
}

export async function writePackedSynth(
  plan: PackedSynthPlan,
  directory: string,
  options: PackedSynthOptions,
): Promise<void> {
  const texts = new Set([...plan.texts.map(({ name }) => name), denseName, hashesName, manifestName]);
  const own = (name: string) => /^experts-\d+\.bin$/.test(name) || texts.has(name);
  const name = basename(resolve(directory));
  await writeDirectory(directory, plan.totalBytes, own, (partial) => new Writer(plan, partial, name, options).run());
}

class Writer {
  private written = 0;

  constructor(
    private readonly plan: PackedSynthPlan,
    private readonly directory: string,
    private readonly name: string,
    private readonly given: PackedSynthOptions,
  ) {}

  async run(): Promise<void> {
    const { plan, directory } = this;
    for (const { name, text } of plan.texts) {
      await writeFile(join(directory, name), text, { flush: true });
      this.advance(Buffer.byteLength(text));
    }
    await this.writeDense();
    for (const set of plan.sets.keys()) await this.writeSet(set);
    for (let layer = plan.sets.length; layer < plan.options.layers; layer++) await this.linkLayer(layer);
    await this.writeManifest();
    await syncDirectory(directory);
  }

  private advance(bytes: number): void {
    this.written += bytes;
    this.given.onProgress?.(this.written, this.plan.totalBytes);
  }

  /** Lets signals and drawing in. */
  private async breathe(): Promise<void> {
    if (this.given.signal?.aborted) throw new FlashmoeError("cancelled", "Writing the model was interrupted.");
    await new Promise((resume) => setImmediate(resume));
  }

  private async writeDense(): Promise<void> {
    const { dense, options } = this.plan;
    const path = join(this.directory, dense.name);
    await writeFile(path, dense.header);
    this.advance(dense.header.length);
    for (const slice of fillSlices(dense, options.seed)) {
      await this.breathe();
      await this.given.fill(path, slice);
      this.advance(slice.bytes);
    }
    await syncFile(path, dense.bytes);
  }

  private setBytes(): number {
    return this.plan.options.experts * this.plan.strideBytes;
  }

  private async writeSet(set: number): Promise<void> {
    const { options, sets, strideBytes } = this.plan;
    const path = join(this.directory, expertsName(set));
    const keyed = sets[set]!.map((part) => ({ ...part, seed: tensorSeed(options.seed, part.tensor.seedKey) }));
    await writeFile(path, "");
    await truncate(path, this.setBytes()); // what no part fills is zero
    for (let expert = 0; expert < options.experts; expert++) {
      await this.breathe();
      for (const { tensor, bytes, place, seed } of keyed) {
        const firstByte = expert * bytes;
        const fileOffset = expert * strideBytes + place - firstByte; // where the whole tensor would begin
        await this.given.fill(path, { seed, fileOffset, firstByte, bytes, ...tensor.values });
      }
      this.advance(strideBytes);
    }
    await syncFile(path, this.setBytes());
  }

  private async linkLayer(layer: number): Promise<void> {
    const from = expertsName(layer % this.plan.sets.length);
    await link(join(this.directory, from), join(this.directory, expertsName(layer))).catch((error: unknown) => {
      throw new FlashmoeError("io_failed", `${from} cannot have a second name here (${errnoOf(error)}).`, {
        hint: "Write to a file system with hard links, or leave --share-experts out.",
        cause: error,
      });
    });
  }

  /** Hashes of what was written, read back from the disk. */
  private async writeManifest(): Promise<void> {
    const { plan, directory } = this;
    const { pack, signal } = this.given;
    const configText = plan.texts.find(({ name }) => name === "config.json")!.text;
    const config = parseModelConfig(parseJsonObject(Buffer.from(configText), "config.json"));
    const header = await readSafetensorsHeader(join(directory, denseName));
    const layers = Array.from({ length: plan.options.layers }, () => plan.storages);
    const tensors = packedTensors(config, header, layers);
    const hashesOf = async (name: string, bytes: number, ranges: ReturnType<typeof denseRanges>) =>
      (await hashRanges({ path: join(directory, name), bytes }, ranges, signal ? { pack, signal } : { pack })).hashes;
    const sets: Uint8Array[] = [];
    for (const set of plan.sets.keys()) {
      const ranges = recordRanges(config.shape, set, plan.storages);
      sets.push(await hashesOf(expertsName(set), this.setBytes(), ranges));
    }
    const dense = await hashesOf(denseName, plan.dense.bytes, denseRanges(tensors));
    const records = layers.map((_, layer) => sets[layer % sets.length]!);
    const table = Buffer.concat([hashesMagic, ...records, dense]);
    await writeFile(join(directory, hashesName), table, { flush: true });
    const hash = sha256(configText, table).slice(0, 16);
    const files: PackedFile[] = [
      { name: denseName, bytes: plan.dense.bytes, sha256: sha256(dense) },
      ...records.map((own, layer) => ({ name: expertsName(layer), bytes: this.setBytes(), sha256: sha256(own) })),
      { name: hashesName, bytes: table.length, sha256: sha256(table) },
      ...plan.texts.map(({ name, text }) => ({ name, bytes: Buffer.byteLength(text), sha256: sha256(text) })),
    ];
    const manifest: Manifest = {
      source: { name: this.name, hash, layout: "synth" },
      requantised: null,
      modelHash: hash,
      normZeroCentred: false,
      skipped: [],
      layers: layers.map((storages, layer) => ({ file: expertsName(layer), storages })),
      files,
    };
    await writeFile(join(directory, manifestName), manifestText(manifest), { flush: true });
  }
}

function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
