/**
 * Writes a planned checkpoint: into a directory beside the target, synced, renamed at the end, so that nothing
 * half-written ever has the target's name. The bytes of tensors come from a filler (native in the product).
 */
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { FlashmoeError } from "../errors.ts";
import { removeEmpty, requireFree, requireSpace, syncDirectory, syncFile } from "./durable-files.ts";
import { errnoOf } from "./model-files.ts";
import { type FillSlice, fillSlices, type SynthPlan } from "./synth-plan.ts";

export interface SynthWriteOptions {
  fill(path: string, slice: FillSlice): void | Promise<void>;
  /** Called after every slice. */
  onProgress?(writtenBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

/** Writes the plan to `directory`, which must not exist or be an empty directory. */
export async function writeSynth(plan: SynthPlan, directory: string, options: SynthWriteOptions): Promise<void> {
  const texts = new Set([...plan.texts.map(({ name }) => name), "model.safetensors.index.json"]);
  const own = (name: string) => /^(?:model(?:-\d+-of-\d+)?\.safetensors)$/.test(name) || texts.has(name);
  await writeDirectory(directory, plan.totalBytes, own, (partial) => writeAll(plan, partial, options));
}

/** A checkpoint that appears whole or not at all. `own` tells what a killed run may have left from what it has not. */
export async function writeDirectory(
  directory: string,
  bytes: number,
  own: (name: string) => boolean,
  write: (partial: string) => Promise<void>,
): Promise<void> {
  const target = resolve(directory);
  await requireFree(target);
  const partial = `${target}.partial`;
  await clearPartial(partial, own);
  try {
    await mkdir(partial, { recursive: true });
    const hint = "Free some space, write to another disk, or choose a smaller shape.";
    await requireSpace(partial, bytes, "The checkpoint", hint);
    await write(partial);
    await removeEmpty(target);
    await rename(partial, target);
    await syncDirectory(dirname(target));
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    if (error instanceof FlashmoeError) throw error;
    throw new FlashmoeError("io_failed", `The checkpoint could not be written to ${directory} (${errnoOf(error)}).`, {
      hint: "Check the free space and the permissions of the target.",
      cause: error,
    });
  }
}

/** Removes what a killed run left, but only when it holds nothing else. */
async function clearPartial(partial: string, own: (name: string) => boolean): Promise<void> {
  const names = await readdir(partial).catch(() => null);
  if (names === null) return;
  const foreign = names.find((name) => !own(name));
  if (foreign !== undefined) {
    throw new FlashmoeError("usage", `${partial} is in the way and holds ${foreign}, which synth did not write.`, {
      hint: "Move it away, or give another target.",
    });
  }
  await rm(partial, { recursive: true });
}

async function writeAll(plan: SynthPlan, directory: string, options: SynthWriteOptions): Promise<void> {
  let written = 0;
  const advance = (bytes: number) => {
    written += bytes;
    options.onProgress?.(written, plan.totalBytes);
  };
  for (const { name, text } of plan.texts) {
    await writeFile(join(directory, name), text, { flush: true });
    advance(Buffer.byteLength(text));
  }
  for (const file of plan.files) {
    const path = join(directory, file.name);
    await writeFile(path, file.header);
    advance(file.header.length);
    for (const slice of fillSlices(file, plan.options.seed)) {
      if (options.signal?.aborted) throw new FlashmoeError("cancelled", "Writing the checkpoint was interrupted.");
      await options.fill(path, slice);
      advance(slice.bytes);
      await new Promise((resume) => setImmediate(resume)); // lets signals and drawing in
    }
    await syncFile(path, file.bytes);
  }
  await syncDirectory(directory);
}
