/** `flashmoe verify`: every record and tensor of a packed model against its hash; of other checkpoints what can be checked. */
import type { Command } from "commander";
import { createPacker } from "../engine/index.ts";
import { modelError } from "../models/model-error.ts";
import { type Damage, type VerifyReport, verifyModel } from "../models/verify.ts";
import { formatBytes } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, locateModel } from "./locate-model.ts";
import { startProgress } from "./progress.ts";
import { addModelOption, addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";

export function addVerifyCommand(program: Command): void {
  const command = program
    .command("verify")
    .description("compare every expert and tensor of a packed model with its hash")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  addOutputOptions(command).action((model: string | undefined, flags: OutputFlags & { model?: string }) =>
    verify(chosenModel(model, flags.model), flags),
  );
}

async function verify(name: string | undefined, flags: OutputFlags): Promise<void> {
  const model = await locateModel(name);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  using interrupt = onInterrupt();
  const progress = startProgress(terminal, `Checking ${model.name}`, "bytes");
  let report: VerifyReport;
  try {
    report = await verifyModel(model, {
      pack: await createPacker(),
      signal: interrupt.signal,
      onProgress: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.stop();
  }
  const { damaged, unchecked, ...checked } = report;
  if (flags.json) {
    const { layout } = model;
    const object = { model: model.name, layout, ok: damaged.length === 0, checked, damaged, unchecked };
    terminal.write(`${JSON.stringify(object)}\n`);
  } else {
    for (const damage of damaged) terminal.write(`damaged: ${placeOf(damage)}: ${damage.what}\n`);
    for (const what of unchecked) terminal.note(`not checked: ${what}`);
    if (damaged.length === 0) terminal.write(`${model.name}: ${summary(model.packed !== null, report)}\n`);
  }
  if (damaged.length === 0) return;
  throw modelError(
    `${damaged.length === 1 ? "1 part" : `${damaged.length} parts`} of ${model.name} ${damaged.length === 1 ? "is" : "are"} damaged.`,
    model.packed === null ? "Download the model again." : "Copy the damaged files again, or pack the model again.",
  );
}

function placeOf({ file, layer, expert, tensor }: Damage): string {
  const parts = [file];
  if (tensor !== null) parts.push(tensor);
  if (layer !== null && tensor === null) parts.push(`layer ${layer}`);
  if (expert !== null) parts.push(`expert ${expert}`);
  return parts.join(", ");
}

function summary(packed: boolean, { records, tensors, files, bytes }: VerifyReport): string {
  if (!packed) return `sizes and headers of ${files} files fit, the floats of ${tensors} tensors are finite`;
  return `${records} records, ${tensors} tensors, ${files} files match their hashes (${formatBytes(bytes)})`;
}
