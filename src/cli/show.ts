/** `flashmoe show`: what was understood of a checkpoint, before anything is loaded. */
import type { Command } from "commander";
import { formatSummary, summarizeModel } from "../models/summary.ts";
import { chosenModel, locateModel } from "./locate-model.ts";
import { addModelOption, addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";

export function addShowCommand(program: Command): void {
  const command = program
    .command("show")
    .description("print what a checkpoint holds: layers, experts, bits, bytes")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  addOutputOptions(command).action(async (model: string | undefined, flags: OutputFlags & { model?: string }) => {
    const summary = summarizeModel(await locateModel(chosenModel(model, flags.model)));
    const terminal = createTerminal({ quiet: flags.quiet === true });
    terminal.write(flags.json ? `${JSON.stringify(summary)}\n` : formatSummary(summary));
  });
}
