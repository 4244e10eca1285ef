/** Wrong calls through the executable: one line that names the cause, a hint, exit code 2, nothing on stdout. */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type CommandOptions, type CommandResult, flashmoe, inParallel } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
const model = path("model");
const folder = path("folder");
const latin1 = path("latin1.txt");
const empty = path("empty.txt");
const npy = path("half.npy");
const notNpy = path("no.npy");

interface Case extends CommandOptions {
  args: string[];
  /** What `input` is, where it cannot be shown. */
  name?: string;
}

const run = (...args: string[]): Case => ({ args: ["run", "-m", model, ...args] });
const evaluate = (name: string, ...args: string[]): Case => ({ args: ["eval", name, model, ...args] });

const cases: Case[] = [
  { args: [] },
  { args: ["frobnicate"] },
  { args: ["rum", "hello"] },
  { args: ["help", "nosuch"] },
  { args: ["eval"] },
  { args: ["eval", "speed"] },
  { args: ["--nope"] },
  { args: ["run", "--nope", "hi"] },
  { args: ["run", "--\x1b]0;title\x07", "hi"] },
  { args: ["run", "Tell", "me", "a", "story"] },
  { args: ["run"] },
  { args: ["run", ""] },
  { args: ["run", " \n\t"], input: "" },
  { args: ["run"], input: " \n" },
  { args: ["run"], input: new Uint8Array([0x68, 0xff, 0xfe]), name: "standard input that is not UTF-8" },
  { args: ["run", "-m", "", "hi"] },
  { args: ["run", "-m"] },
  run("hi", "-n", "0"),
  run("hi", "-n", "-1"),
  run("hi", "-n", "1.5"),
  run("hi", "--memory", "lots"),
  run("hi", "--memory", "0"),
  run("hi", "--memory", "1e400"),
  run("hi", "--memory", "99999999TiB"),
  run("hi", "--context", "0"),
  run("hi", "--context", "5000"),
  run("hi", "--threads", "0"),
  run("hi", "--threads", "many"),
  run("hi", "--backend", "metal"),
  run("hi", "--backend", "cuda"),
  run("hi", "--backend", "\x1b[31mtpu"),
  run("hi", "--experts-per-token", "0"),
  run("hi", "--experts-per-token", "5"),
  run("hi", "--experts-per-token", "-2"),
  run("hi", "--chunk", "0"),
  run("hi", "--cpu-level", "sse9"),
  run("hi", "--kv-format", "q4"),
  run("hi", "--temperature", "-1"),
  run("hi", "--temperature", "0x5"),
  run("hi", "--temperature", "NaN"),
  run("hi", "--temperature", "Infinity"),
  run("hi", "--top-p", "1.5"),
  run("hi", "--top-k", "2.5"),
  run("hi", "--min-p", ""),
  run("hi", "--repeat-penalty", "0"),
  run("hi", "--presence-penalty", "1000"),
  run("hi", "--frequency-penalty", "x"),
  run("hi", "--seed", "-1"),
  run("hi", "--seed", "99999999999999999999"),
  run("hi", "--logprobs", "5"),
  run("hi", "--json", "--logprobs", "21"),
  run("hi", "--stop", ""),
  run("hi", "--raw", "--system", "be brief"),
  run("hi", "--raw", "--think"),
  run("--token-ids", "1", "hi"),
  run("--token-ids", "1", "--system", "be brief"),
  run("--token-ids", "1", "--no-think"),
  run("--token-ids", ""),
  run("--token-ids", " , "),
  run("--token-ids", "1,2,x"),
  run("--token-ids", "-1"),
  run("--token-ids", "1,320"),
  run("--token-ids", "99999999999999999999"),
  run("hi", "--session", ""),
  run("hi", "--session", folder),
  run("hi", "--session", `${folder}/absent/s`),
  run("hi there ".repeat(2000)),
  run("hello there", "--context", "4", "--raw"),
  { args: ["show", model, "-m", model] },
  { args: ["show", model, "another"] },
  { args: ["plan", model, "-m", model] },
  { args: ["plan", model, "--context", "5000"] },
  { args: ["doctor", model, "another"] },
  { args: ["bench", model, "--plot", `${folder}/p.svg`] },
  { args: ["bench", model, "--plot", `${folder}/p.svg`, "--sweep", "1g,2g", "-n", "0"] },
  { args: ["bench", model, "--sweep", "1g,1g"] },
  { args: ["bench", model, "--sweep", "1g,2g", "--memory", "1g"] },
  { args: ["bench", model, "--csv", `${folder}/absent/x.csv`] },
  { args: ["bench", model, "--text", empty] },
  { args: ["bench", model, "--text", empty, "--random-ids"] },
  { args: ["bench", model, "--compare", "threads"] },
  { args: ["bench", model, "--compare", "prefetch", "--sweep", "1g"] },
  { args: ["bench", model, "--compare", "prefetch", "-n", "1"] },
  { args: ["bench", model, "-p", "60000"] },
  { args: ["bench", model, "--trace", `${folder}/t`, "--sweep", "1g,2g"] },
  { args: ["bench", model, "--perfetto", `${folder}/t.json`] },
  { args: ["bench", model, "--trace", `${folder}/t`, "--perfetto", `${folder}/t`] },
  { args: ["bench", model, "--trace", `${folder}/absent/t`] },
  { args: ["bench", model, "--replay", empty] },
  { args: ["bench", "--replay", empty, "--trace", `${folder}/t`] },
  { args: ["bench", "--replay", empty, "--memory", "1g"] },
  { args: ["bench", "--replay", empty] },
  { args: ["bench", "--replay", latin1] },
  { args: ["tune", model, "-m", model] },
  { args: ["tune", model, "-n", "1"] },
  { args: ["tokenize", "-m", model] },
  { args: ["tokenize", "-m", model, "--decode", "1,b"] },
  { args: ["tokenize", "-m", model, "--decode", "320"] },
  evaluate("perplexity"),
  evaluate("perplexity", "--text", latin1),
  evaluate("perplexity", "--text", empty),
  evaluate("perplexity", "--text", `${folder}/absent`),
  evaluate("perplexity", "--text", folder),
  evaluate("perplexity", "--text", empty, "--token-ids", "1"),
  evaluate("perplexity", "--token-ids", "1"),
  evaluate("perplexity", "--token-ids", "1,2,3", "--context", "1"),
  evaluate("perplexity", "--token-ids", latin1),
  evaluate("logits", "--token-ids", "1,2"),
  evaluate("logits", "--token-ids", "1,2", "--output", folder),
  evaluate("logits", "--token-ids", "1,2", "--output", `${folder}/absent/x.npy`),
  evaluate("logits", "--token-ids", "1,2,3,4,5", "--context", "4", "--output", `${folder}/x.npy`),
  evaluate("kl", "--token-ids", "1,2"),
  evaluate("kl", "--token-ids", "1,2", "--reference", `${folder}/absent.npy`),
  evaluate("kl", "--token-ids", "1,2", "--reference", folder),
  evaluate("kl", "--token-ids", "1,2", "--reference", notNpy),
  evaluate("kl", "--token-ids", "1,2", "--reference", npy),
  { args: ["synth"] },
  { args: ["synth", folder, "--shape", "gpt-2"] },
  { args: ["synth", `${folder}/s`, "--bits", "7"] },
  { args: ["synth", `${folder}/s`, "--group", "48"] },
  { args: ["synth", `${folder}/s`, "--dtype", "f64"] },
  { args: ["synth", `${folder}/s`, "--experts-per-token", "99"] },
  { args: ["synth", `${folder}/s`, "--layers", "0"] },
  { args: ["synth", model] },
];

/** Paths by their names, a long argument shortened. */
function nameOf({ args, input, name }: Case): string {
  const shown = args.map(stable).map((arg) => (arg.length > 40 ? `${arg.slice(0, 20)}... (${arg.length})` : arg));
  const from = input === undefined ? "" : ` < ${name ?? JSON.stringify(input)}`;
  return `${shown.map((arg) => JSON.stringify(arg)).join(" ")}${from}`;
}

/** Names instead of this run's paths. */
function stable(text: string): string {
  const names = { MODEL: model, FOLDER: folder, LATIN1: latin1, EMPTY: empty, HALF: npy, NO_NPY: notNpy };
  return Object.entries(names).reduce((result, [name, value]) => result.replaceAll(value, name), text);
}

const outcomes = new Map<Case, CommandResult>();

beforeAll(async () => {
  writeTinyCheckpoint(model);
  mkdirSync(folder);
  writeFileSync(latin1, new Uint8Array([0x67, 0x72, 0xfc, 0xdf, 0x65]));
  writeFileSync(empty, "");
  writeFileSync(notNpy, "not a NumPy file at all");
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 320), }\n";
  writeFileSync(npy, `\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}`, "latin1");
  const results = await inParallel(cases, 3, (wrong) => flashmoe(wrong.args, wrong));
  for (const [index, wrong] of cases.entries()) outcomes.set(wrong, results[index]!);
}, 240_000);

describe("a wrong call", () => {
  for (const wrong of cases) {
    test(`flashmoe ${nameOf(wrong)}`, () => {
      const { code, out, err } = outcomes.get(wrong)!;
      expect([code, out]).toEqual([2, ""]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
      expect(err).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
      // A group of commands without one answers with its help instead.
      if (!err.startsWith("Usage: ")) expect(err).toMatch(/^flashmoe: .+\n {2}hint: .+\n$/);
      expect(stable(err)).toMatchSnapshot();
    });
  }
});
