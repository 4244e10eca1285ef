/**
 * Do two engines give the same greedy answers to a suite? Compares two answers files of one model token by token; where
 * they part, our own logits say how close the two tokens were there, in standard deviations of that row of logits.
 * usage: node scripts/bun.mjs tests/oracle/agree.ts --model DIR --suite FILE --bound 0.02 OURS.jsonl THEIRS.jsonl
 * Prints each parting and a summary; exit code 1 when one is wider than the bound.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { prepareSuite } from "../../src/cli/suite-run.ts";
import { FlashMoE, type Session } from "../../src/engine/index.ts";
import { type Answer, parseAnswers, parseSuite } from "../../src/evaluation/items.ts";
import { describeModel } from "../../src/models/describe.ts";

interface Parting {
  id: string;
  /** Tokens before it. */
  at: number;
  /** Ours and theirs; null where an answer has ended. */
  tokens: [number | null, number | null];
}

/** Where the answers of one item part; null when they are the same. */
function partingOf(ours: Answer, theirs: Answer): Parting | null {
  const [a, b] = [ours.tokens, theirs.tokens];
  if (a === null || b === null) throw new Error(`${ours.id}: an answer without tokens cannot be compared`);
  const longest = Math.max(a.length, b.length);
  for (let at = 0; at < longest; at++) {
    if (a[at] !== b[at]) return { id: ours.id, at, tokens: [a[at] ?? null, b[at] ?? null] };
  }
  return null;
}

/** How far apart the two tokens are where the answers part, as a share of the row's standard deviation. */
async function gapOf(session: Session, before: number[], [ours, theirs]: Parting["tokens"]): Promise<number> {
  if (ours === null || theirs === null) return Number.POSITIVE_INFINITY; // one engine went on, the other was cut off
  await session.reset();
  if (before.length > 1) await session.prefill(before.slice(0, -1));
  for await (const row of session.logits(before.slice(-1))) {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return Math.abs(row[ours]! - row[theirs]!) / Math.sqrt(variance);
  }
  throw new Error("no logits came back");
}

const { values, positionals } = parseArgs({
  options: { model: { type: "string" }, suite: { type: "string" }, bound: { type: "string" } },
  allowPositionals: true,
});
const bound = Number(values.bound);
if (values.model === undefined || values.suite === undefined || positionals.length !== 2 || !(bound >= 0)) {
  throw new Error("usage: agree.ts --model DIR --suite FILE --bound SHARE OURS.jsonl THEIRS.jsonl");
}
const read = (path: string) => parseAnswers(readFileSync(path, "utf8"), path);
const ours = read(positionals[0]!);
const theirs = new Map(read(positionals[1]!).map((answer) => [answer.id, answer]));
const pairs = ours.flatMap((answer) => (theirs.has(answer.id) ? [[answer, theirs.get(answer.id)!] as const] : []));
if (pairs.length !== ours.length || pairs.length !== theirs.size) throw new Error("the files answer different items");

const description = await describeModel(values.model);
const chosen = parseSuite(readFileSync(values.suite, "utf8"), values.suite).filter(({ id }) => theirs.has(id));
const { asked } = await prepareSuite(description, chosen, () => {});
const prompts = new Map(asked.map(({ item, ids }) => [item.id, ids]));
const context = Math.max(...asked.map(({ item, ids }) => ids.length + item.maxTokens));
await using model = await FlashMoE.open(description, { context });
await using session = await model.createSession();
let [parted, widest, beyond] = [0, 0, 0];
for (const [answer, other] of pairs) {
  const parting = partingOf(answer, other);
  if (parting === null) continue;
  const prompt = prompts.get(parting.id);
  if (prompt === undefined) throw new Error(`the suite has no item ${parting.id}`);
  const before = [...prompt, ...answer.tokens!.slice(0, parting.at)];
  const gap = await gapOf(session, before, parting.tokens);
  parted += 1;
  widest = Math.max(widest, gap);
  if (gap > bound) beyond += 1;
  const mark = gap > bound ? "BEYOND" : "within";
  console.log(
    `${mark} ${parting.id}: token ${parting.at}, ${parting.tokens.join(" and ")}, gap ${gap.toExponential(2)}`,
  );
}
console.log(
  `${pairs.length - parted} of ${pairs.length} answers are the same; ${parted} part, ${beyond} of them beyond ${bound}; ` +
    `widest gap ${widest.toExponential(2)} standard deviations`,
);
process.exitCode = beyond === 0 ? 0 : 1;
