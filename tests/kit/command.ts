/** Runs flashmoe from its sources as a user would: a process of its own, its two outputs, its exit code. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");

/** Before the arguments: the program from its sources. */
export const program = [process.execPath, "--no-env-file", join(root, "src/main.ts")];

/** A home without models or settings, for every run of this process; removed at its end. */
const home = mkdtempSync(join(tmpdir(), "flashmoe-home-"));
process.once("exit", () => rmSync(home, { recursive: true, force: true }));

export const environment: Record<string, string> = {
  PATH: process.env.PATH ?? "",
  HOME: home,
  FLASHMOE_HOME: home,
  TERM: "dumb",
  ...(process.env.FLASHMOE_LIBRARY === undefined ? {} : { FLASHMOE_LIBRARY: process.env.FLASHMOE_LIBRARY }),
};

export interface CommandResult {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

export interface CommandOptions {
  /** What standard input holds; nothing when left out. */
  input?: string | Uint8Array<ArrayBuffer>;
  /** Runs `sh -c SCRIPT` with the program and its arguments as "$@". */
  shell?: string;
  cwd?: string;
}

/** Runs to the end. */
export async function flashmoe(args: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const command = options.shell === undefined ? [] : ["sh", "-c", options.shell, "sh"];
  const child = Bun.spawn([...command, ...program, ...args], {
    cwd: options.cwd ?? root,
    env: environment,
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  const signal = child.signalCode === null ? null : String(child.signalCode);
  return { code: signal === null ? code : null, signal, out, err };
}

/** What progress tells on stderr once something takes five seconds: right on a machine that stalls, and no test's matter. */
const progressLines = /^\w[^\n]*: [\d.,]+ \w+ of [\d.,]+ \w+(, [^\n]+ left)?\n/gm;

/** The object `--json` printed, of a run that went well: one line, and nothing on stderr but progress. */
export async function flashmoeJson<T = Record<string, unknown>>(
  args: string[],
  options: CommandOptions = {},
): Promise<T> {
  const end = args.includes("--") ? args.indexOf("--") : args.length; // what follows it are no flags
  const { code, out, err } = await flashmoe(args.toSpliced(end, 0, "--json"), options);
  if (code !== 0 || err.replace(progressLines, "") !== "" || out.indexOf("\n") !== out.length - 1) {
    throw new Error(`flashmoe ${args.join(" ").slice(0, 200)}\nexit ${code}\n${err}\n${out.slice(0, 2000)}`);
  }
  return JSON.parse(out) as T;
}

/** Works on all items, `atOnce` at a time; results in the order of the items. */
export async function inParallel<T, R>(items: T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
