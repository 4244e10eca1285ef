// Where things are, and running programs. Plain Node without dependencies: this runs before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const tools = join(root, ".tools");

/** An error a person can act on; printed without a stack. */
export class Problem extends Error {}

/** Prints a line of progress; stdout belongs to the product. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs the script's main function: its number is the exit code, a Problem is one line. */
export async function main(body) {
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    say(error instanceof Problem ? `error: ${error.message}` : (error?.stack ?? String(error)));
    process.exitCode = 1;
  }
}

/** Runs a build tool: no stdin, its output on stderr. Throws a Problem unless it ends with 0. */
export function runTool(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (result.error) throw new Problem(`cannot run ${program}: ${result.error.message}`);
  if (result.status !== 0)
    throw new Problem(`${[program, ...args].join(" ")} ended with ${result.signal ?? result.status}`);
}

/**
 * Runs a program and resolves to its status and everything it printed, both streams together; `onOutput` gets it piece
 * by piece.
 */
export function capture(program, args, options = {}, onOutput = () => {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
    const pieces = [];
    const take = (piece) => {
      pieces.push(piece);
      onOutput(piece);
    };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", take);
    const finish = (status, note) => resolve({ status, output: Buffer.concat(pieces).toString() + note });
    child.on("error", (error) => finish(-1, `${error.message}\n`));
    child.on("close", (code, signal) => finish(code ?? -1, signal ? `ended by ${signal}\n` : ""));
  });
}

/** Text of a file, null when it is not there. */
export function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Holds `.tools/<name>.lock` around `body`, so that two commands started at once do not install over each other.
 * A lock whose holder is gone is taken over.
 */
export async function withLock(name, body) {
  mkdirSync(tools, { recursive: true });
  const lock = join(tools, `${name}.lock`);
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (holderIsGone(lock)) rmSync(lock, { force: true });
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    return await body();
  } finally {
    rmSync(lock, { force: true });
  }
}

function holderIsGone(lock) {
  const holder = Number(readText(lock) || 0);
  if (holder === 0) {
    // Just created and not yet written, or left empty by a crash long ago.
    const age = statSync(lock, { throwIfNoEntry: false });
    return age !== undefined && Date.now() - age.mtimeMs > 10_000;
  }
  try {
    process.kill(holder, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}
