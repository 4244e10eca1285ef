/** `flashmoe tokenize`: text to token ids and back. */
import type { Command } from "commander";
import { FlashmoeError } from "../errors.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { parseTokenIds } from "./flags.ts";
import { locateModel } from "./locate-model.ts";
import { checkTokenIds } from "./open-engine.ts";
import { readStandardInput } from "./prompt-input.ts";
import { addModelOption, addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";

interface TokenizeFlags extends OutputFlags {
  model?: string;
  decode?: boolean;
}

export function addTokenizeCommand(program: Command): void {
  const command = program
    .command("tokenize")
    .description("turn text into token ids, or ids into text")
    .argument("[text]", "the text, or with --decode the ids; otherwise standard input");
  addModelOption(command).option("--decode", "turn ids like 1,2,3 into text");
  addOutputOptions(command).action((text: string | undefined, flags: TokenizeFlags) => tokenize(text, flags));
}

async function tokenize(argument: string | undefined, flags: TokenizeFlags): Promise<void> {
  const input = argument ?? (await readStandardInput());
  if (input === "") {
    throw new FlashmoeError("usage", "there is nothing to tokenize.", {
      hint: "Give a text as an argument or on standard input.",
    });
  }
  const { directory, name, shape } = await locateModel(flags.model);
  const tokenizer = await requireTokenizer(directory, shape.vocab);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  if (flags.decode) {
    const ids = usageIds(input);
    checkTokenIds(ids, shape.vocab, "--decode");
    const text = tokenizer.decode(ids);
    terminal.write(flags.json ? `${JSON.stringify({ model: name, tokens: ids, text })}\n` : text);
    return;
  }
  const ids = tokenizer.encode(input);
  const pieces = ids.map((id) => tokenizer.decode([id]));
  terminal.write(flags.json ? `${JSON.stringify({ model: name, tokens: ids, pieces })}\n` : `${ids.join(",")}\n`);
}

/** Ids from an argument or a file: their errors are usage errors like those of an option. */
export function usageIds(text: string): number[] {
  try {
    return parseTokenIds(text);
  } catch (cause) {
    throw new FlashmoeError("usage", (cause as Error).message, { cause });
  }
}
