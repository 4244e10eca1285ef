/** `flashmoe synth`: random-weight checkpoints of any shape, for benches and tests. */
import type { Command } from "commander";
import { createFiller, createPacker } from "../engine/index.ts";
import { planPackedSynth, writePackedSynth } from "../models/synth-packed.ts";
import { planSynth } from "../models/synth-plan.ts";
import { type SynthOptions, synthOptions, synthPresets } from "../models/synth-shape.ts";
import { writeSynth } from "../models/synth-write.ts";
import { parseSize, wholeNumber } from "./flags.ts";
import { formatBytes } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { startProgress } from "./progress.ts";
import { addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";
import { usage } from "./usage.ts";

type SynthFlags = Partial<Omit<SynthOptions, "shardBytes">> &
  OutputFlags & {
    shape?: string;
    shardSize?: number;
    packed?: boolean;
    shareExperts?: number;
  };

const sizes: [flag: string, what: string][] = [
  ["--layers <n>", "layers; every fourth is full attention"],
  ["--hidden <n>", "width of the residual stream"],
  ["--heads <n>", "query heads of full attention"],
  ["--kv-heads <n>", "key and value heads of full attention"],
  ["--head-dim <n>", "width of an attention head"],
  ["--experts <n>", "experts per layer"],
  ["--experts-per-token <k>", "experts used per token"],
  ["--expert-width <n>", "width of an expert"],
  ["--shared-width <n>", "width of the shared expert"],
  ["--delta-value-heads <n>", "value heads of the delta net"],
  ["--delta-key-heads <n>", "key heads of the delta net"],
  ["--delta-key-dim <n>", "width of a delta-net key"],
  ["--delta-value-dim <n>", "width of a delta-net value"],
  ["--vocab <n>", "vocabulary"],
];

export function addSynthCommand(program: Command): void {
  const command = program
    .command("synth")
    .description("write a random-weight checkpoint in the MLX layout")
    .argument("<out>", "directory to create")
    .option("--shape <name>", `start from a known shape: ${Object.keys(synthPresets).join(", ")}`);
  for (const [flag, what] of sizes) command.option(flag, what, wholeNumber(1, 1 << 24));
  command
    .option("--bits <n>", "2, 3, 4, 5, 6 or 8; 0 writes unquantised weights (default: 4)", wholeNumber(0, 8))
    .option("--group <n>", "32, 64 or 128 (default: 64)", wholeNumber(0, 128))
    .option("--gate-bits <n>", "bits of router and shared gate (default: 8)", wholeNumber(2, 8))
    .option("--dtype <name>", "bf16, f16 or f32, of scales and unquantised tensors (default: bf16)")
    .option("--tie", "use the embedding as lm_head")
    .option("--seed <n>", "the same seed writes the same bytes (default: 1)", wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option("--shard-size <size>", "largest file (default: 5GiB)", parseSize)
    .option("--packed", "write the packed layout, as `pack` would of the checkpoint")
    .option(
      "--share-experts <n>",
      "with --packed: layers take their experts in turn from n sets, files with several names",
      wholeNumber(1, 4096),
    );
  addOutputOptions(command).action((out: string, flags: SynthFlags) => synth(out, flags));
}

async function synth(directory: string, flags: SynthFlags): Promise<void> {
  const { shape, shardSize, json, quiet, debug: _, packed, shareExperts, ...given } = flags;
  const options = synthOptions(shape, { ...given, shardBytes: shardSize });
  checkPacked(flags);
  const terminal = createTerminal({ quiet: quiet === true });
  using interrupt = onInterrupt();
  const progress = startProgress(terminal, "Writing", "bytes");
  const writing = {
    fill: await createFiller(),
    signal: interrupt.signal,
    onProgress: (done: number, total: number) => progress.update(done, total),
  };
  let files: number;
  let bytes: number;
  try {
    if (packed) {
      const plan = planPackedSynth(options, shareExperts);
      await writePackedSynth(plan, directory, { ...writing, pack: await createPacker() });
      files = plan.texts.length + options.layers + 3; // dense file, hashes and manifest
      bytes = plan.totalBytes;
    } else {
      const plan = planSynth(options);
      await writeSynth(plan, directory, writing);
      files = plan.files.length + plan.texts.length;
      bytes = plan.totalBytes;
    }
  } finally {
    progress.stop();
  }
  if (json) terminal.write(`${JSON.stringify({ directory, files, bytes })}\n`);
  else terminal.note(`Wrote ${formatBytes(bytes)} to ${directory}.`);
}

function checkPacked({ packed, shareExperts, shardSize }: SynthFlags): void {
  if (!packed && shareExperts !== undefined) {
    throw usage(
      "--share-experts needs --packed: the files of a checkpoint name their layers inside.",
      "Give --packed too, or leave it out.",
    );
  }
  if (packed && shardSize !== undefined)
    throw usage("--shard-size is for checkpoints, not for --packed.", "Leave one of the two out.");
}
