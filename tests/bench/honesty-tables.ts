/** The honesty tables as Markdown: score, perplexity and KL beside speed. Pure. */

export interface TaskFigures {
  task: string;
  items: number;
  score: number;
  valid_score?: number;
  parsed_score?: number;
}

/** One setting of one model, measured. */
export interface Row {
  bits: string;
  expertsPerToken: number;
  kvFormat: string;
  items: number;
  score: number;
  tasks: TaskFigures[];
  perplexity: number;
  meanKl: number;
  top1: number;
  tokensPerSecond: number;
}

export interface Tables {
  /** What was measured on what, one line. */
  about: string;
  bits: Row[];
  experts: Row[];
  kv: Row[];
}

const begin = "<!-- honesty -->";
const end = "<!-- /honesty -->";

/** `document` with what is between the markers replaced. */
export function withTables(document: string, tables: Tables): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from || document.indexOf(begin, from + 1) >= 0) {
    throw new Error(`the document needs ${begin} and ${end} once, in this order`);
  }
  return `${document.slice(0, from + begin.length)}\n${markdown(tables)}\n${document.slice(to)}`;
}

function markdown({ about, bits, experts, kv }: Tables): string {
  return [
    about,
    "",
    "### Bits",
    ...summary(bits, "experts", (row) => row.bits),
    "",
    ...perTask(bits, (row) => row.bits),
    "",
    "### Experts per token",
    ...summary(experts, "K", (row) => String(row.expertsPerToken)),
    "",
    ...perTask(experts, (row) => `K=${row.expertsPerToken}`),
    "",
    "### Precision of the attention cache",
    ...summary(kv, "keys and values", (row) => row.kvFormat),
  ].join("\n");
}

function summary(rows: Row[], name: string, label: (row: Row) => string): string[] {
  const cells = rows.map((row) => [
    label(row),
    setting(row),
    percent(row.score),
    row.perplexity.toFixed(4),
    row.meanKl.toExponential(2),
    percent(row.top1),
    row.tokensPerSecond.toFixed(1),
  ]);
  return table(
    [name, "setting", "score", "perplexity", "mean KL, nats", "same likeliest token", "decode tok/s"],
    cells,
  );
}

/** What every speed carries. */
function setting(row: Row): string {
  return `${row.bits}, K=${row.expertsPerToken}, kv ${row.kvFormat}`;
}

/** Tasks down, settings across; two figures for JSON and calls: well formed / correct. */
function perTask(rows: Row[], label: (row: Row) => string): string[] {
  const tasks = rows[0]?.tasks ?? [];
  const cells = tasks.map(({ task, items }) => [
    task,
    String(items),
    ...rows.map((row) => taskCell(row.tasks.find((figures) => figures.task === task))),
  ]);
  return table(["task, right", "items", ...rows.map(label)], cells);
}

function taskCell(figures: TaskFigures | undefined): string {
  if (figures === undefined) return "-";
  const formed = figures.valid_score ?? figures.parsed_score;
  const name = figures.valid_score === undefined ? "parsed" : "valid";
  return formed === undefined ? percent(figures.score) : `${percent(figures.score)} (${name} ${percent(formed)})`;
}

function table(header: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
