/** From graded items to figures per task and over all of them. Pure. */
import type { Grade } from "./grade.ts";
import type { SuiteItem } from "./items.ts";

/** What an answer cost; absent for answers made elsewhere. */
export interface AnswerCost {
  promptTokens: number;
  promptMs: number;
  /** Of the decode steps: the tokens after the first. */
  decodeTokens: number;
  decodeMs: number;
}

export interface GradedItem {
  item: SuiteItem;
  grade: Grade;
  /** Generated; null where an answers file does not say. */
  tokens: number | null;
  cost: AnswerCost | null;
}

/** The second figure of a task: how many answers are well formed, and what that is called for its checks. */
export interface WellFormed {
  name: "valid" | "parsed";
  count: number;
  score: number;
}

export interface TaskResult {
  task: string;
  items: number;
  correct: number;
  /** Share of correct items, 0 to 1. */
  score: number;
  wellFormed: WellFormed | null;
  /** Null when no answer says how many it has. */
  tokens: number | null;
  /** Decode speed; null for answers made elsewhere. */
  tokensPerSecond: number | null;
}

/** One result per task, in the order of the suite. */
export function taskResults(graded: GradedItem[]): TaskResult[] {
  const tasks = new Map<string, GradedItem[]>();
  for (const entry of graded) {
    const list = tasks.get(entry.item.task);
    if (list === undefined) tasks.set(entry.item.task, [entry]);
    else list.push(entry);
  }
  return [...tasks].map(([task, entries]) => resultOf(task, entries));
}

/** The figures of all items together: every item counts the same. */
export function overall(graded: GradedItem[]): TaskResult {
  return resultOf("all", graded);
}

function resultOf(task: string, entries: GradedItem[]): TaskResult {
  const correct = entries.filter(({ grade }) => grade.correct).length;
  const counted = entries.filter(({ tokens }) => tokens !== null);
  const costs = entries.flatMap(({ cost }) => (cost === null ? [] : [cost]));
  const decodeMs = sum(costs.map((cost) => cost.decodeMs));
  return {
    task,
    items: entries.length,
    correct,
    score: share(correct, entries.length),
    wellFormed: wellFormedOf(entries),
    tokens: counted.length === 0 ? null : sum(counted.map(({ tokens }) => tokens!)),
    tokensPerSecond: decodeMs > 0 ? (1000 * sum(costs.map((cost) => cost.decodeTokens))) / decodeMs : null,
  };
}

/** Only where every item has the figure and calls it the same. */
function wellFormedOf(entries: GradedItem[]): WellFormed | null {
  const kinds = new Set(entries.map(({ item }) => item.check.kind));
  const [kind] = kinds;
  if (kinds.size !== 1 || (kind !== "json" && kind !== "tool_call")) return null;
  const count = entries.filter(({ grade }) => grade.wellFormed).length;
  return { name: kind === "json" ? "valid" : "parsed", count, score: share(count, entries.length) };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
