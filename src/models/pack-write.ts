/**
 * Writes a planned packed model, file by file. Each file is synced and named before the journal says that it is done, and
 * the target gets its name when everything is there: killed at any moment, the next run checks what is there and goes on.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { FlashmoeError } from "../errors.ts";
import type { PackedFile } from "./description.ts";
import { removeEmpty, requireFree, requireSpace, syncDirectory, syncFile, writeDurably } from "./durable-files.ts";
import { modelError } from "./model-error.ts";
import { errnoOf, readOptionalBytes } from "./model-files.ts";
import {
  beginJournal,
  type DoneFile,
  type Journal,
  journalName,
  lockName,
  lockPartial,
  modelDirectory,
  partialDirectory,
  readJournal,
  sidecarPath,
  writeJournal,
} from "./pack-journal.ts";
import type { PackPlan, PackStep } from "./pack-plan.ts";
import { type Packer, pieceBytes, type QuantisationError, slicesOf } from "./pack-slice.ts";
import { packedTexts } from "./pack-texts.ts";
import { denseRanges, type HashedRange, hashRanges, mismatches, recordRanges } from "./packed-hashes.ts";
import { hashBytes, hashesMagic, hashesName, manifestName } from "./packed-layout.ts";
import { type Manifest, manifestText } from "./packed-manifest.ts";

export interface PackWriteOptions {
  pack: Packer;
  /** Delete the source's weights as they are consumed. */
  deleteSource: boolean;
  onProgress?(doneBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

export interface PackResult {
  directory: string;
  files: number;
  bytes: number;
  /** SHA-256 of the manifest, which holds the hash of everything else. */
  hash: string;
  deleted: string[];
  /** Null when nothing was requantised. */
  error: QuantisationError | null;
  /** Files that an earlier run had made. */
  resumed: number;
}

export async function writePack(plan: PackPlan, directory: string, options: PackWriteOptions): Promise<PackResult> {
  const target = resolve(directory);
  const partial = partialDirectory(target);
  try {
    const unlock = await lockPartial(partial);
    try {
      const writer = await Writer.begin(plan, target, partial, options);
      return await writer.run();
    } finally {
      await unlock();
      await removeEmpty(partial); // where nothing was begun, or all is finished
    }
  } catch (error) {
    if (error instanceof FlashmoeError) throw error;
    throw new FlashmoeError("io_failed", `The packed model could not be written to ${directory} (${errnoOf(error)}).`, {
      hint: "Check the free space and the permissions of the target; run it again to go on.",
      cause: error,
    });
  }
}

class Writer {
  private written = 0;
  private readonly total: number;
  private resumed = 0;

  private constructor(
    private readonly plan: PackPlan,
    private readonly target: string,
    private readonly partial: string,
    private readonly options: PackWriteOptions,
    private readonly journal: Journal,
  ) {
    this.total = plan.steps.reduce((sum, step) => sum + step.bytes, 0);
  }

  static async begin(plan: PackPlan, target: string, partial: string, options: PackWriteOptions): Promise<Writer> {
    let journal = await readJournal(partial);
    if (journal !== null && journal.id !== plan.id) {
      throw new FlashmoeError("usage", `${partial} is an unfinished pack of another source or at other bits.`, {
        hint: "Finish it with the same source and flags, remove it, or give another target.",
      });
    }
    if (journal?.finished == null) await requireFree(target);
    journal ??= await beginJournal(partial, plan.id, plan.source);
    return new Writer(plan, target, partial, options, journal);
  }

  async run(): Promise<PackResult> {
    const model = modelDirectory(this.partial);
    if (this.journal.finished === null) {
      await mkdir(model, { recursive: true });
      await syncDirectory(this.partial);
      await this.requireSpace();
      await this.writeTexts(model);
      for (const [index, step] of this.plan.steps.entries()) {
        await this.finishStep(model, step);
        if (this.options.deleteSource) await this.deleteConsumed(index);
      }
      await this.writeManifest(model);
    }
    await this.publish(model);
    const { done, deleted, texts, finished } = this.journal;
    return {
      directory: this.target,
      files: done.length + texts!.length + 2,
      bytes: [...done, ...texts!].reduce((sum, file) => sum + file.bytes, this.plan.hashTableBytes),
      hash: finished!,
      deleted,
      error: this.plan.requantised === null ? null : sumErrors(done.map(({ error }) => error)),
      resumed: this.resumed,
    };
  }

  /** The most that will be needed at any moment, deleted files of the source counted against it. */
  private async requireSpace(): Promise<void> {
    const { plan, journal } = this;
    const here = (await stat(this.partial)).dev;
    let used = plan.hashTableBytes;
    let most = used;
    const gone = new Set(journal.deleted);
    for (const [index, step] of plan.steps.entries()) {
      if (!journal.done.some(({ name }) => name === step.name)) used += step.bytes;
      most = Math.max(most, used);
      if (!this.options.deleteSource) continue;
      for (const { path, bytes } of this.consumed(index)) {
        if (gone.has(path)) continue;
        gone.add(path);
        if ((await stat(path)).dev === here) used -= bytes;
      }
    }
    const hint = this.options.deleteSource
      ? "Free some space, or write to another disk."
      : "Free some space, write to another disk, or let --delete-source make room as it goes.";
    await requireSpace(this.partial, most, "The packed model", hint);
  }

  private async writeTexts(model: string): Promise<void> {
    if (this.journal.texts !== null) return;
    const texts: PackedFile[] = [];
    for (const { name, bytes } of await packedTexts(this.plan)) {
      await writeDurably(join(model, name), bytes);
      texts.push({ name, bytes: bytes.length, sha256: sha256(bytes) });
    }
    await this.note({ texts });
  }

  private async note(change: Partial<Journal>): Promise<void> {
    Object.assign(this.journal, change);
    await writeJournal(this.partial, this.journal);
  }

  private async finishStep(model: string, step: PackStep): Promise<void> {
    const path = join(model, step.name);
    const done = this.journal.done.find(({ name }) => name === step.name);
    if (done !== undefined) {
      if (await this.holds(path, step, done)) {
        this.resumed += 1;
        return;
      }
      await this.note({ done: this.journal.done.filter((one) => one !== done) });
    }
    const gone = [...step.sources].find((file) => this.journal.deleted.includes(this.plan.source.files[file]!.path));
    if (gone !== undefined) {
      throw modelError(
        `${path} is damaged, and ${this.plan.source.files[gone]!.path}, which it was made from, was deleted.`,
        "Download the source again and start over.",
      );
    }
    const entry = await this.writeStep(path, step);
    await this.note({ done: [...this.journal.done, entry] });
  }

  /** Whether a file that was done before is still what it was. */
  private async holds(path: string, step: PackStep, done: DoneFile): Promise<boolean> {
    const info = await stat(path).catch(() => null);
    const hashes = await readOptionalBytes(sidecarPath(this.partial, step.name));
    if (info?.size !== step.bytes || hashes === null || sha256(hashes) !== done.sha256) return false;
    const wrong = await mismatches({ path, bytes: step.bytes }, this.rangesOf(step), hashes, this.hashing());
    if (wrong.length === 0) return true;
    this.written -= step.bytes;
    return false;
  }

  private hashing() {
    const { pack, signal } = this.options;
    return { pack, signal, onBytes: (bytes: number) => this.advance(bytes) };
  }

  private rangesOf(step: PackStep): HashedRange[] {
    const layer = this.plan.layers.findIndex(({ file }) => file === step.name);
    if (layer < 0) return denseRanges(this.plan.dense);
    return recordRanges(this.plan.source.shape, layer, this.plan.layers[layer]!.storages);
  }

  private async writeStep(path: string, step: PackStep): Promise<DoneFile> {
    const { pack, signal } = this.options;
    const part = `${path}.part`;
    await writeFile(part, step.header ?? new Uint8Array(0));
    const hashes = new DataView(new ArrayBuffer(step.hashes * hashBytes));
    let index = 0;
    const put = (hash: bigint) => hashes.setBigUint64(index++ * hashBytes, hash, true);
    if (step.header !== null) {
      const ranges = this.rangesOf(step).slice(0, 1);
      const head = await hashRanges({ path: part, bytes: step.header.length }, ranges, { pack });
      put(new DataView(head.hashes.buffer).getBigUint64(0, true));
      this.advance(step.header.length);
    }
    const errors: QuantisationError[] = [];
    let settle: { offset: number; bytes: number } | undefined;
    for (const blocks of slicesOf(step.blocks(), pieceBytes)) {
      if (signal?.aborted) throw new FlashmoeError("cancelled", "Packing was interrupted; run it again to go on.");
      const { files, blocks: own } = withOwnFiles(this.plan, blocks);
      for (const made of pack({ task: "write", target: part, settle, files, blocks: own })) {
        for (const { hash } of made.ranges) put(hash);
        errors.push(made.error);
      }
      settle = extentOf(blocks.flatMap(({ ranges }) => ranges));
      this.advance(
        blocks.flatMap(({ ranges }) => ranges).reduce((sum, { bytes, padding }) => sum + bytes + padding, 0),
      );
      await new Promise((resume) => setImmediate(resume)); // lets signals and drawing in
    }
    if (index !== step.hashes)
      throw new FlashmoeError("internal", `${step.name} has ${index} hashes, not ${step.hashes}`);
    await syncFile(part, step.bytes);
    const table = new Uint8Array(hashes.buffer);
    await writeDurably(sidecarPath(this.partial, step.name), table);
    await rename(part, path);
    await syncDirectory(dirname(path));
    return { name: step.name, bytes: step.bytes, sha256: sha256(table), error: sumErrors(errors) };
  }

  private advance(bytes: number): void {
    this.written += bytes;
    this.options.onProgress?.(this.written, this.total);
  }

  /** Files of the source that no step after `index` needs, and that one up to it was the last to read. */
  private consumed(index: number): { path: string; bytes: number }[] {
    const later = new Set(this.plan.steps.slice(index + 1).flatMap((step) => [...step.sources]));
    return this.plan.source.files.filter((_, file) => !later.has(file));
  }

  private async deleteConsumed(index: number): Promise<void> {
    const { journal } = this;
    const known = new Set(journal.deleted);
    const next = this.consumed(index).map(({ path }) => path);
    // Said first, then done: a file that is named here and still there is deleted by the next run.
    if (next.some((path) => !known.has(path)))
      await this.note({ deleted: [...new Set([...journal.deleted, ...next])] });
    for (const path of next) {
      await unlink(path).catch((error: unknown) => {
        if (errnoOf(error) !== "ENOENT") throw error;
      });
    }
    for (const folder of new Set(next.map((path) => dirname(path)))) await syncDirectory(folder);
  }

  private async writeManifest(model: string): Promise<void> {
    const { plan, journal } = this;
    const [dense, ...layers] = plan.steps;
    const parts: Uint8Array[] = [hashesMagic];
    for (const { name } of [...layers, dense!]) parts.push((await readOptionalBytes(sidecarPath(this.partial, name)))!);
    const table = Buffer.concat(parts);
    await writeDurably(join(model, hashesName), table);
    const byName = new Map(journal.done.map((file) => [file.name, file]));
    const large = plan.steps.map(({ name }) => {
      const { bytes, sha256: hash } = byName.get(name)!;
      return { name, bytes, sha256: hash };
    });
    const { source } = plan;
    const manifest: Manifest = {
      source: { name: source.name, hash: source.hash, layout: source.layout },
      requantised: plan.requantised,
      modelHash: plan.requantised === null ? source.hash : sha256(table).slice(0, 16),
      normZeroCentred: source.normZeroCentred,
      skipped: source.skipped.filter(({ tensors }) => tensors > 0),
      layers: plan.layers,
      files: [...large, { name: hashesName, bytes: table.length, sha256: sha256(table) }, ...journal.texts!],
    };
    const text = manifestText(manifest);
    await writeDurably(join(model, manifestName), text);
    await this.note({ finished: sha256(text), source: this.plan.source });
  }

  /** The finished directory gets its name, then what the pack remembered goes. */
  private async publish(model: string): Promise<void> {
    if ((await stat(model).catch(() => null)) !== null) {
      await requireFree(this.target);
      await removeEmpty(this.target);
      await rename(model, this.target);
      await syncDirectory(dirname(this.target));
    } else if ((await stat(join(this.target, manifestName)).catch(() => null)) === null) {
      throw new FlashmoeError(
        "io_failed",
        `${this.partial} says that ${basename(this.target)} is finished, but it is gone.`,
        {
          hint: `Remove ${this.partial} and pack again.`,
        },
      );
    }
    // The journal goes last: as long as anything else is left, it says that this pack is finished.
    for (const name of await readdir(this.partial)) {
      if (name !== journalName && name !== lockName) await rm(join(this.partial, name), { recursive: true });
    }
    await syncDirectory(this.partial);
    await rm(join(this.partial, journalName));
    await syncDirectory(dirname(this.target));
  }
}

/** Only the files that a slice reads are opened for it. */
function withOwnFiles(plan: PackPlan, blocks: ReturnType<typeof slicesOf> extends Generator<infer B> ? B : never) {
  const numbers = new Map<number, number>();
  const number = (file: number) => {
    const known = numbers.get(file);
    if (known !== undefined) return known;
    numbers.set(file, numbers.size);
    return numbers.size - 1;
  };
  const own = blocks.map((block) => ({
    ...block,
    pieces: block.pieces.map((piece) => ({
      ...piece,
      extents: piece.extents.map((extent) => (extent === null ? null : { ...extent, file: number(extent.file) })),
    })),
  }));
  return { files: [...numbers.keys()].map((file) => plan.source.files[file]!), blocks: own };
}

function extentOf(ranges: { offset: number; bytes: number; padding: number }[]): { offset: number; bytes: number } {
  const offset = Math.min(...ranges.map((range) => range.offset));
  const end = Math.max(...ranges.map((range) => range.offset + range.bytes + range.padding));
  return { offset, bytes: end - offset };
}

function sumErrors(list: QuantisationError[]): QuantisationError {
  const sum = { squares: 0, errors: 0, minmaxErrors: 0 };
  for (const { squares, errors, minmaxErrors } of list) {
    sum.squares += squares;
    sum.errors += errors;
    sum.minmaxErrors += minmaxErrors;
  }
  return sum;
}

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
