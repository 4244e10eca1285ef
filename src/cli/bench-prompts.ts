/** Where the prompts of `bench` and `tune` come from: a text, the questions of the built-in suite, or random ids. */
import { cutFrom, randomIds, randomOf } from "../bench/prompts.ts";
import { parseSuite, type SuiteItem } from "../evaluation/items.ts";
import type { ModelDescription } from "../models/description.ts";
import { embeddedSuiteText } from "../models/embedded.ts";
import { loadTokenizer, requireTokenizer } from "../models/tokenizer.ts";
import { readTextFile } from "./text-input.ts";
import { usage } from "./usage.ts";

export interface PromptFlags {
  promptTokens: number;
  text?: string;
  randomIds?: boolean;
}

/** Questions of the suite that the prompts are cut from. */
const QUESTIONS = 160;

/** The prompt of a run, from 1 on: another one for each. */
export type PromptSource = (run: number) => number[];

export async function promptSource(description: ModelDescription, flags: PromptFlags): Promise<PromptSource> {
  const { directory, shape } = description;
  const { promptTokens, text } = flags;
  if (text !== undefined && flags.randomIds)
    throw usage("--text and --random-ids were both given.", "Give one of them.");
  const random: PromptSource = (run) => randomIds(shape.vocab, promptTokens, run);
  if (flags.randomIds) return random;
  const tokenizer = await (text === undefined ? loadTokenizer : requireTokenizer)(directory, shape.vocab);
  if (tokenizer === null) return random;
  const ids = tokenizer.encode(
    text === undefined ? questionsOf(shuffledSuite().slice(0, QUESTIONS)) : readTextFile(text),
  );
  if (ids.length === 0) throw usage(`${text} is empty.`, "Give a file with text.");
  return (run) => cutFrom(ids, promptTokens, run);
}

/** Of all tasks, in an order that is always the same. */
export function shuffledSuite(): SuiteItem[] {
  const random = randomOf(7);
  return parseSuite(embeddedSuiteText(), "built-in")
    .map((item) => ({ place: random(), item }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** What the items ask, as plain text. */
export function questionsOf(items: readonly SuiteItem[]): string {
  return items.map(({ messages }) => messages.map(({ content }) => content ?? "").join("\n")).join("\n\n");
}
