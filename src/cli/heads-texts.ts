/**
 * What heads are trained on, as the model would meet it: a text in long pieces, else the built-in suite's conversations
 * through the model's own chat template, each from its beginning.
 */
import { randomIds } from "../bench/prompts.ts";
import { loadChatTemplate } from "../models/chat-template-file.ts";
import type { ModelDescription } from "../models/description.ts";
import { loadTokenizer, requireTokenizer, type Tokenizer } from "../models/tokenizer.ts";
import { type PromptFlags, questionsOf, shuffledSuite } from "./bench-prompts.ts";
import { prepareSuite } from "./suite-run.ts";
import { readTextFile } from "./text-input.ts";

/** Tokens of a piece at most: one that begins in the middle of a text is unlike the others for a while. */
const PIECE_TOKENS = 2048;
/** Random texts, where there is no tokenizer to read others with: as many as anybody may want, and short. */
const RANDOM_TEXTS = 4096;
const RANDOM_TOKENS = 192;

/** None of them twice, none longer than `room`. */
export async function headsTexts(
  description: ModelDescription,
  flags: PromptFlags,
  room: number,
): Promise<Iterable<number[]>> {
  const { directory, shape, eosTokenIds } = description;
  const load = flags.text === undefined ? loadTokenizer : requireTokenizer;
  const tokenizer = flags.randomIds ? null : await load(directory, shape.vocab);
  if (tokenizer === null) return randomTexts(shape.vocab, Math.min(room, RANDOM_TOKENS));
  const pieces = (text: string) =>
    piecesOf(tokenizer, eosTokenIds, tokenizer.encode(text), Math.min(room, PIECE_TOKENS));
  if (flags.text !== undefined) return pieces(readTextFile(flags.text));
  const items = shuffledSuite();
  if ((await loadChatTemplate(directory)) === null) return pieces(questionsOf(items));
  const { asked } = await prepareSuite(description, items, () => {});
  if (asked.length === 0) return pieces(questionsOf(items));
  return asked.map(({ ids }) => ids.slice(0, room));
}

function* randomTexts(vocab: number, tokens: number): Generator<number[]> {
  for (let run = 0; run < RANDOM_TEXTS; run++) yield randomIds(vocab, tokens, run);
}

/** Cut after the end of a turn, else of a line, where there is one in a piece's last quarter. */
function* piecesOf(
  tokenizer: Tokenizer,
  stops: readonly number[],
  ids: readonly number[],
  most: number,
): Generator<number[]> {
  const newline = new Map<number, boolean>();
  const endsLine = (index: number) => {
    const id = ids[index]!;
    const known = newline.get(id) ?? tokenizer.decode([id]).endsWith("\n");
    newline.set(id, known);
    return known;
  };
  const endsTurn = (index: number) => endsLine(index) && stops.includes(ids[index - 1]!);
  for (let first = 0; first < ids.length; ) {
    const end = Math.min(first + most, ids.length);
    const least = first + Math.ceil((3 * most) / 4);
    const last = end === ids.length ? -1 : (lastOf(endsTurn, least, end) ?? lastOf(endsLine, least, end) ?? -1);
    const next = last < 0 ? end : last + 1;
    yield ids.slice(first, next);
    first = next;
  }
}

function lastOf(fits: (index: number) => boolean, least: number, end: number): number | null {
  for (let index = end - 1; index >= least; index--) if (fits(index)) return index;
  return null;
}
