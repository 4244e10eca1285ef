/** `flashmoe tokenize`: text to token ids and back. */
import type { Command } from "commander";
import { requireTokenizer } from "../models/tokenizer.ts";
import { locateModel } from "./locate-model.ts";
import { addModelOption, addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";
import { checkTokenIds, parseTokenIds, readStandardInput } from "./text-input.ts";
import { usage } from "./usage.ts";

interface TokenizeFlags extends OutputFlags {
  model?: string;
  decode?: boolean;
}

export function addTokenizeCommand(program: Command): void {
  const command = program
    .command("tokenize")
    .description("turn text into token ids, or ids into text")
    .argument("[text]", "the text, or with --decode the ids; without it standard input is read");
  addModelOption(command).option("--decode", "turn ids like 1,2,3 into text");
  addOutputOptions(command).action((text: string | undefined, flags: TokenizeFlags) => tokenize(text, flags));
}

async function tokenize(argument: string | undefined, flags: TokenizeFlags): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const input = argument ?? (await readStandardInput(terminal));
  if (input === "") {
    throw usage("there is nothing to tokenize.", "Give a text as an argument or on standard input.");
  }
  const given = flags.decode ? parseTokenIds(input, "--decode") : null;
  const { directory, name, shape } = await locateModel(flags.model);
  const tokenizer = await requireTokenizer(directory, shape.vocab);
  if (given !== null) {
    checkTokenIds(given, shape.vocab, "--decode");
    const text = tokenizer.decode(given);
    terminal.write(flags.json ? `${JSON.stringify({ model: name, tokens: given, text })}\n` : text);
    return;
  }
  const ids = tokenizer.encode(input);
  const pieces = ids.map((id) => tokenizer.decode([id]));
  terminal.write(flags.json ? `${JSON.stringify({ model: name, tokens: ids, pieces })}\n` : `${ids.join(",")}\n`);
}
