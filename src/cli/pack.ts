/** `flashmoe pack`: rewrites a checkpoint so that every expert is one aligned record with a hash. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { createPacker } from "../engine/index.ts";
import type { ModelDescription, Requantised } from "../models/description.ts";
import { embeddedModelDirectory } from "../models/embedded.ts";
import { requireDeletable } from "../models/pack-delete.ts";
import { type Journal, partialDirectory, readJournal, savedSource } from "../models/pack-journal.ts";
import { planPack } from "../models/pack-plan.ts";
import { type PackResult, writePack } from "../models/pack-write.ts";
import { affineBits, affineGroups } from "../models/quantization.ts";
import { oneOf, wholeNumber } from "./flags.ts";
import { formatBytes } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { locateModel } from "./locate-model.ts";
import { startProgress } from "./progress.ts";
import { addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { usage } from "./usage.ts";

interface PackFlags extends OutputFlags {
  bits?: number;
  group?: number;
  fit?: Requantised["fit"];
  deleteSource?: boolean;
}

const fits = ["minmax", "search"] as const;

export function addPackCommand(program: Command): void {
  const command = program
    .command("pack")
    .description("rewrite a checkpoint: one aligned record an expert, hashes of everything")
    .argument("<model>", "store name or directory of the checkpoint")
    .argument("<out>", "directory to create; an unfinished one goes on where it stopped")
    .option("--bits <n>", "requantise to 2, 3, 4, 5, 6 or 8 bits (default: as it is)", wholeNumber(2, 8))
    .option("--group <n>", "values that share a scale: 32, 64 or 128 (default: 64)", wholeNumber(32, 128))
    .option("--fit <rule>", "minmax, as MLX does, or search, the least error (default: search at 2 bits)", oneOf(fits))
    .option("--delete-source", "delete the checkpoint's weights as they are consumed");
  addOutputOptions(command).action((model: string, out: string, flags: PackFlags) => pack(model, out, flags));
}

async function pack(model: string, out: string, flags: PackFlags): Promise<void> {
  const wanted = requantised(flags);
  const partial = partialDirectory(resolve(out));
  const journal = await readJournal(partial);
  const given = journal?.deleted ?? [];
  const source =
    journal !== null && given.length > 0 ? await resumedSource(partial, journal, model) : await locateModel(model);
  const plan = planPack(source, wanted);
  if (source.packed !== null && plan.requantised === null) {
    throw usage(`${source.name} is packed already.`, "Give --bits with fewer bits to pack it again.");
  }
  if (flags.deleteSource) await requireDeletable(source, embeddedModelDirectory(), given);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  if (wanted !== null && plan.requantised === null) {
    terminal.note(`No tensor has more than ${wanted.bits} bits: everything is packed as it is.`);
  }
  if (flags.deleteSource) {
    for (const { what, tensors } of source.skipped) {
      if (tensors > 0) terminal.note(`${what}: ${tensors} tensors are not packed and go with the source.`);
    }
  }
  using interrupt = onInterrupt();
  const progress = startProgress(terminal, "Packing", "bytes");
  let result: PackResult;
  try {
    result = await writePack(plan, out, {
      pack: await createPacker(),
      deleteSource: flags.deleteSource === true,
      signal: interrupt.signal,
      onProgress: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.stop();
  }
  report(terminal, source, plan.requantised, result, flags.json === true);
}

function requantised(flags: PackFlags): Requantised | null {
  if (flags.bits === undefined) {
    if (flags.group !== undefined) throw usage("--group needs --bits.", "Give --bits too, or leave it out.");
    if (flags.fit !== undefined) throw usage("--fit needs --bits.", "Give --bits too, or leave it out.");
    return null;
  }
  const { bits, group = 64, fit = bits === 2 ? "search" : "minmax" } = flags;
  if (!affineBits.includes(bits)) throw usage(`--bits ${bits} is not possible.`, `Give ${affineBits.join(", ")}.`);
  if (!affineGroups.includes(group))
    throw usage(`--group ${group} is not possible.`, `Give ${affineGroups.join(", ")}.`);
  return { bits, group, fit };
}

/** Some of the source is gone: it is taken as it was when the pack began. */
async function resumedSource(partial: string, journal: Journal, model: string): Promise<ModelDescription> {
  const source = await savedSource(partial, journal);
  if (resolve(source.directory) === resolve(model)) return source;
  throw usage(
    `${partial} is an unfinished pack of ${source.directory}.`,
    "Finish it with that source, or give another target.",
  );
}

function report(
  terminal: Terminal,
  source: ModelDescription,
  changed: Requantised | null,
  result: PackResult,
  json: boolean,
): void {
  const { directory, files, bytes, hash, deleted, error, resumed } = result;
  const relative = (sum: number) => (error === null || error.squares === 0 ? 0 : Math.sqrt(sum / error.squares));
  const quantisation =
    changed === null || error === null
      ? null
      : { ...changed, relative_error: relative(error.errors), minmax_relative_error: relative(error.minmaxErrors) };
  if (json) {
    const object = {
      source: source.name,
      directory,
      files,
      bytes,
      hash,
      requantised: quantisation,
      resumed_files: resumed,
      deleted,
    };
    terminal.write(`${JSON.stringify(object)}\n`);
    return;
  }
  if (resumed > 0) terminal.note(`${resumed} files of an earlier run were checked and kept.`);
  if (quantisation !== null) {
    const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
    const than = changed?.fit === "search" ? ` (${percent(quantisation.minmax_relative_error)} by MLX's rule)` : "";
    terminal.note(
      `Requantised to ${changed!.bits} bits: relative error ${percent(quantisation.relative_error)}${than}.`,
    );
  }
  if (deleted.length > 0) terminal.note(`Deleted ${deleted.length} files of the source.`);
  terminal.note(`Packed ${formatBytes(bytes)} into ${directory}.`);
}
