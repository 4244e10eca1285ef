/** `flashmoe eval suite`: scores of a model, or of answers made elsewhere, on the built-in tasks or on a suite of one's own. */
import { basename } from "node:path";
import type { Command } from "commander";
import { FlashmoeError } from "../errors.ts";
import { grade } from "../evaluation/grade.ts";
import { type Answer, parseAnswers, parseSuite, type SuiteItem } from "../evaluation/items.ts";
import type { GradedItem } from "../evaluation/results.ts";
import type { ModelDescription } from "../models/description.ts";
import { embeddedSuiteText } from "../models/embedded.ts";
import { collect, wholeNumber } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, expertBits, locateModel } from "./locate-model.ts";
import { openEngine } from "./open-engine.ts";
import { OutputFile } from "./output-file.ts";
import { startProgress } from "./progress.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  type OutputFlags,
} from "./shared-flags.ts";
import { type SuiteOutcome, suiteObject, suiteTable } from "./suite-report.ts";
import { type AskedItem, type PreparedSuite, prepareSuite, runSuite } from "./suite-run.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { readTextFile } from "./text-input.ts";
import { chooseOptions, noteTuned } from "./tuned.ts";
import { quoted, usage } from "./usage.ts";

interface SuiteFlags extends EngineFlags, OutputFlags {
  model?: string;
  suite?: string;
  task?: string[];
  limit?: number;
  answers?: string;
  output?: string;
}

export function addSuiteCommand(group: Command): void {
  const command = group
    .command("suite")
    .description("score a model on tasks: arithmetic, memory, JSON, tool calls, stories and more")
    .argument("[model]", "store name or directory (default: the embedded model)")
    .option("--suite <file>", "items to ask, one JSON object a line (default: the built-in suite)")
    .option("--task <name>", "ask this task only; may be repeated", collect)
    .option("--limit <n>", "ask the first n items of each task", wholeNumber(1, 2 ** 31 - 1))
    .option("--answers <file>", "grade these answers instead of running a model")
    .option("--output <file>", "write the answers: one JSON object a line, text and tokens");
  addModelOption(command);
  addEngineOptions(command);
  addOutputOptions(command).action((model: string | undefined, flags: SuiteFlags) =>
    suite(chosenModel(model, flags.model), flags),
  );
}

async function suite(modelName: string | undefined, flags: SuiteFlags): Promise<void> {
  if (flags.answers !== undefined && modelName !== undefined) {
    throw usage("--answers and a model were both given.", "Grade answers, or run a model.");
  }
  if (flags.answers !== undefined && flags.output !== undefined) {
    throw usage("--output writes answers, and --answers has them already.", "Leave one of them out.");
  }
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const items = chosenItems(flags);
  const outcome =
    flags.answers === undefined
      ? await runModel(modelName, items, flags, terminal)
      : gradeAnswers(items, flags.answers, suiteName(flags));
  terminal.write(flags.json ? `${JSON.stringify(suiteObject(outcome))}\n` : suiteTable(outcome));
  if (outcome.interrupted) throw new FlashmoeError("cancelled", "interrupted");
}

function suiteName(flags: SuiteFlags): string {
  return flags.suite === undefined ? "built-in" : basename(flags.suite);
}

/** The items asked for, in the order of the suite. */
function chosenItems(flags: SuiteFlags): SuiteItem[] {
  const text = flags.suite === undefined ? embeddedSuiteText() : readTextFile(flags.suite);
  const all = parseSuite(text, suiteName(flags));
  const tasks = new Set(all.map(({ task }) => task));
  const unknown = flags.task?.find((task) => !tasks.has(task));
  if (unknown !== undefined) {
    throw usage(`--task: the suite has no task ${quoted(unknown)}.`, `It has ${[...tasks].join(", ")}.`);
  }
  const taken = new Map<string, number>();
  return all.filter(({ task }) => {
    if (flags.task !== undefined && !flags.task.includes(task)) return false;
    const count = (taken.get(task) ?? 0) + 1;
    taken.set(task, count);
    return count <= (flags.limit ?? Number.POSITIVE_INFINITY);
  });
}

/** Every item needs its answer; answers to items that were not chosen are passed over only when a choice was made. */
function gradeAnswers(items: SuiteItem[], path: string, suiteTitle: string): SuiteOutcome {
  const answers = new Map(parseAnswers(readTextFile(path), basename(path)).map((answer) => [answer.id, answer]));
  const missing = items.filter(({ id }) => !answers.has(id));
  if (missing.length > 0) {
    throw usage(
      `${path} has no answer to ${missing.length} of ${items.length} items, the first is ${missing[0]!.id}.`,
      "Choose the items it answers with --task and --limit.",
    );
  }
  const graded = items.map((item): GradedItem => {
    const { text, tokens, openThought } = answers.get(item.id)!;
    const verdict = grade(item, text, openThought ?? item.think);
    return { item, grade: verdict, tokens: tokens?.length ?? null, cost: null };
  });
  const common = { unsupported: [], model: null, seconds: 0, interrupted: false };
  return { suite: suiteTitle, wanted: items.length, graded, ...common };
}

async function runModel(
  modelName: string | undefined,
  items: SuiteItem[],
  flags: SuiteFlags,
  terminal: Terminal,
): Promise<SuiteOutcome> {
  const output = flags.output === undefined ? null : new OutputFile(flags.output);
  const description = await locateModel(modelName);
  const prepared = await prepareWithProgress(description, items, terminal);
  const { asked, unsupported } = prepared;
  if (asked.length === 0) throw noneAsked(description.name, unsupported[0]!.reason);
  const chosen = chooseOptions(description, flags);
  noteTuned(chosen, flags, terminal);
  const context = contextOf(prepared, flags.context, description.shape.contextMax);
  using interrupt = onInterrupt();
  await using model = await openEngine({
    description,
    options: { ...chosen.options, context },
    terminal,
    signal: interrupt.signal,
    promptTokens: 0,
  });
  const graded: GradedItem[] = [];
  const progress = startProgress(terminal, `Asking ${description.name}`, "items");
  const startedAt = performance.now();
  output?.begin();
  try {
    await runSuite({
      model,
      suite: prepared,
      signal: interrupt.signal,
      onAnswer: (answer, entry) => {
        graded.push(entry);
        output?.write(answerLine(answer));
        progress.update(graded.length, asked.length);
      },
    });
  } finally {
    progress.stop();
    keepAnswers(output, graded.length, asked.length, terminal);
  }
  return {
    suite: suiteName(flags),
    wanted: asked.length,
    graded,
    unsupported,
    model: {
      name: description.name,
      bits: expertBits(description),
      expertsPerToken: model.plan.expertsPerToken,
      kvFormat: flags.kvFormat ?? "f16",
    },
    seconds: (performance.now() - startedAt) / 1000,
    interrupted: interrupt.signal.aborted,
  };
}

async function prepareWithProgress(
  description: ModelDescription,
  items: SuiteItem[],
  terminal: Terminal,
): Promise<PreparedSuite> {
  const progress = startProgress(terminal, "Preparing the suite", "items");
  try {
    return await prepareSuite(description, items, (done) => progress.update(done, items.length));
  } finally {
    progress.stop();
  }
}

/** As much as the longest item and its answer need. A context that is too small would cut answers: refused. */
function contextOf({ asked }: PreparedSuite, given: number | undefined, contextMax: number): number {
  const needs = ({ ids, item }: AskedItem) => ids.length + item.maxTokens;
  const longest = asked.reduce((most, entry) => (needs(entry) > needs(most) ? entry : most));
  const context = given ?? Math.min(needs(longest), contextMax);
  if (needs(longest) <= context) return context;
  throw usage(
    `the item ${longest.item.id} needs ${needs(longest)} tokens with its answer, the context holds ${context}.`,
    given === undefined || given >= contextMax
      ? "Choose other tasks with --task."
      : "Raise --context, or choose tasks.",
  );
}

/** Answers that were made are kept, whatever ended the run. */
function keepAnswers(output: OutputFile | null, made: number, wanted: number, terminal: Terminal): void {
  if (made > 0) output?.finish();
  else output?.abandon();
  if (output !== null && made > 0 && made < wanted)
    terminal.note(`flashmoe: ${output.path} holds the ${made} answers made so far, of ${wanted}.`);
}

function noneAsked(name: string, reason: string): FlashmoeError {
  return new FlashmoeError("unsupported", `${name} can be asked none of the items: ${reason}`, {
    hint: "Choose other tasks with --task, or give the model the chat template of its original release.",
  });
}

function answerLine({ id, text, tokens, openThought }: Answer): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ id, text, tokens, open_thought: openThought })}\n`);
}
