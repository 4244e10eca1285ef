/** Where the prompts of `bench` and `tune` come from: a text, the questions of the built-in suite, or random ids. */
import { cutFrom, randomIds, randomOf } from "../bench/prompts.ts";
import { parseSuite } from "../evaluation/items.ts";
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
  const ids = tokenizer.encode(text === undefined ? questions() : readTextFile(text));
  if (ids.length === 0) throw usage(`${text} is empty.`, "Give a file with text.");
  return (run) => cutFrom(ids, promptTokens, run);
}

/** Tokens of a text that heads are trained on. */
const TEXT_TOKENS = 192;
/** Random texts, where there is no tokenizer to read others with: as many as anybody may want. */
const RANDOM_TEXTS = 4096;

/** Texts to record routing on, none of them twice: a whole text or all of the suite, piece by piece. */
export async function recordingTexts(description: ModelDescription, flags: PromptFlags): Promise<Iterable<number[]>> {
  const { directory, shape } = description;
  const tokenizer = flags.randomIds
    ? null
    : await (flags.text === undefined ? loadTokenizer : requireTokenizer)(directory, shape.vocab);
  if (tokenizer === null) return randomTexts(shape.vocab);
  const ids = tokenizer.encode(flags.text === undefined ? questions(Infinity) : readTextFile(flags.text));
  return piecesOf(ids);
}

function* randomTexts(vocab: number): Generator<number[]> {
  for (let run = 0; run < RANDOM_TEXTS; run++) yield randomIds(vocab, TEXT_TOKENS, run);
}

function* piecesOf(ids: readonly number[]): Generator<number[]> {
  for (let first = 0; first < ids.length; first += TEXT_TOKENS) yield ids.slice(first, first + TEXT_TOKENS);
}

/** Of all tasks, in an order that is always the same. */
function questions(most = QUESTIONS): string {
  const random = randomOf(7);
  return parseSuite(embeddedSuiteText(), "built-in")
    .map(({ messages }) => ({ place: random(), text: messages.map(({ content }) => content ?? "").join("\n") }))
    .sort((a, b) => a.place - b.place)
    .slice(0, most)
    .map(({ text }) => text)
    .join("\n\n");
}
