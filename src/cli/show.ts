/** `flashmoe show`: what was understood of a checkpoint, before anything is loaded. */
import type { Command } from "commander";
import { formatSummary, summarizeModel } from "../models/summary.ts";
import { locateModel } from "./locate-model.ts";
import { addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";

export function addShowCommand(program: Command): void {
  const command = program
    .command("show")
    .description("print what a checkpoint holds: layers, experts, bits, bytes")
    .argument("[model]", "store name or directory; without it the embedded model");
  addOutputOptions(command).action(async (model: string | undefined, flags: OutputFlags) => {
    const summary = summarizeModel(await locateModel(model));
    const terminal = createTerminal({ quiet: flags.quiet === true });
    terminal.write(flags.json ? `${JSON.stringify(summary, null, 2)}\n` : formatSummary(summary));
  });
}
