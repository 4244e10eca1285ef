/** What `eval suite` prints: the object of --json, and the table with its last line. Pure. */
import { type GradedItem, overall, type TaskResult, taskResults } from "../evaluation/results.ts";
import { formatSeconds } from "./format.ts";
import type { Unsupported } from "./suite-run.ts";

/** What answered: absent where answers made elsewhere were graded. */
export interface SuiteModel {
  name: string;
  bits: string;
  expertsPerToken: number;
  kvFormat: string;
}

export interface SuiteOutcome {
  /** "built-in" or the file. */
  suite: string;
  /** Items that were to be answered. */
  wanted: number;
  graded: GradedItem[];
  unsupported: Unsupported[];
  model: SuiteModel | null;
  seconds: number;
  interrupted: boolean;
}

/** The object of `eval suite --json`. */
export function suiteObject(outcome: SuiteOutcome) {
  const { graded, model } = outcome;
  const costs = graded.flatMap(({ cost }) => (cost === null ? [] : [cost]));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    model: model?.name ?? null,
    suite: outcome.suite,
    bits: model?.bits ?? null,
    experts_per_token: model?.expertsPerToken ?? null,
    kv_format: model?.kvFormat ?? null,
    wanted: outcome.wanted,
    interrupted: outcome.interrupted,
    ...figures(overall(graded)),
    tasks: taskResults(graded).map((result) => ({ task: result.task, ...figures(result) })),
    unsupported: outcome.unsupported,
    wrong: graded
      .filter(({ grade }) => !grade.correct)
      .map(({ item, grade }) => ({ id: item.id, reason: grade.reason })),
    stats: {
      prompt_tokens: sum(costs.map((cost) => cost.promptTokens)),
      prompt_s: sum(costs.map((cost) => cost.promptMs)) / 1000,
      decode_s: sum(costs.map((cost) => cost.decodeMs)) / 1000,
      seconds: outcome.seconds,
    },
  };
}

function figures({ items, correct, score, wellFormed, tokens, tokensPerSecond }: TaskResult) {
  return {
    items,
    correct,
    score,
    ...(wellFormed === null
      ? {}
      : { [wellFormed.name]: wellFormed.count, [`${wellFormed.name}_score`]: wellFormed.score }),
    tokens,
    tokens_per_s: tokensPerSecond,
  };
}

/** The table and, below it, what was not asked and the line that sums up. */
export function suiteTable(outcome: SuiteOutcome): string {
  const { graded, model, unsupported } = outcome;
  const all = overall(graded);
  const header = ["task", "items", "correct", "score", "well formed", "tokens", "tok/s"];
  const rows = [...taskResults(graded), all].map(rowOf);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd();
  const notAsked = unsupported.map(({ task, items, reason }) => `${task}: ${items} items not asked: ${reason}`);
  const interrupted = outcome.interrupted ? `interrupted after ${graded.length} of ${outcome.wanted} items; ` : "";
  const how =
    model === null
      ? ""
      : ` (${model.name}, K=${model.expertsPerToken}, ${model.bits}, kv ${model.kvFormat}); ` +
        `decode ${speedOf(all)} tok/s; ${formatSeconds(outcome.seconds)}`;
  const last = `${interrupted}score ${percent(all.score)} of ${all.items} items${how}`;
  return `${[line(header), ...rows.map(line), ...notAsked, last].join("\n")}\n`;
}

function rowOf(result: TaskResult): string[] {
  const { wellFormed } = result;
  return [
    result.task,
    String(result.items),
    String(result.correct),
    percent(result.score),
    wellFormed === null ? "" : `${wellFormed.name} ${percent(wellFormed.score)}`,
    result.tokens === null ? "" : String(result.tokens),
    result.tokensPerSecond === null ? "" : speedOf(result),
  ];
}

function speedOf({ tokensPerSecond }: TaskResult): string {
  return tokensPerSecond === null ? "-" : tokensPerSecond.toFixed(1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
