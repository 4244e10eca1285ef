/** The compiled binary does the whole job: every command, from a folder of the user's, with an empty environment. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { RunResult } from "../../src/cli/run-result.ts";

const root = resolve(import.meta.dir, "../..");
const binary = join(root, "dist/flashmoe");
const scratch = mkdtempSync(join(tmpdir(), "flashmoe-e2e-"));
const folder = join(scratch, "a user's folder");
const slow = 120_000;

beforeAll(() => {
  mkdirSync(folder);
  const built = Bun.spawnSync(["node", "scripts/build.mjs"], { cwd: root, stderr: "pipe" });
  if (built.exitCode !== 0) throw new Error(`scripts/build.mjs failed:\n${built.stderr.toString()}`);
}, 300_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** No variable but the place of the cache, so that the home of whoever runs the tests stays as it is. */
const environment = { FLASHMOE_CACHE_DIR: join(scratch, "cache") };

function flashmoe(args: string[], input = "") {
  const { exitCode, stdout, stderr, resourceUsage } = Bun.spawnSync([binary, ...args], {
    cwd: folder,
    env: environment,
    stdin: new TextEncoder().encode(input),
  });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString(), cpu: resourceUsage!.cpuTime.total };
}

function json<T>(args: string[], input = ""): T {
  const { code, out, err } = flashmoe([...args, "--json"], input);
  expect([code, err]).toEqual([0, ""]);
  return JSON.parse(out) as T;
}

describe("the compiled binary", () => {
  test(
    "tells a story without being told where anything is",
    () => {
      const { code, out, err } = flashmoe(["run", "Tell me a story about a fox.", "--seed", "1"]);
      expect([code, err]).toEqual([0, ""]);
      expect(out.match(/\bfox\b/g)!.length).toBeGreaterThan(1);
      expect(out.length).toBeGreaterThan(200);
    },
    slow,
  );

  test(
    "carries the task suite",
    () => {
      const figures = json<{ suite: string; tasks: { task: string; items: number }[] }>([
        "eval",
        "suite",
        "--task",
        "arithmetic",
        "--task",
        "json",
        "--limit",
        "2",
      ]);
      expect(figures.suite).toBe("built-in");
      expect(figures.tasks).toMatchObject([
        { task: "arithmetic", items: 2 },
        { task: "json", items: 2 },
      ]);
    },
    slow,
  );

  test(
    "says the same as the sources",
    async () => {
      const args = ["run", "--temperature", "0", "-n", "40", "--json", "Hello, who are you?"];
      const bySources = Bun.spawnSync([process.execPath, "--no-env-file", join(root, "src/main.ts"), ...args], {
        stdin: "ignore",
      });
      const expected = JSON.parse(bySources.stdout.toString()) as RunResult;
      const found = json<RunResult>(args.toSpliced(5, 1));
      expect([found.prompt_tokens, found.tokens, found.text]).toEqual([
        expected.prompt_tokens,
        expected.tokens,
        expected.text,
      ]);
    },
    slow,
  );

  test(
    "writes a model and runs it by a relative path, keeps a session, evaluates",
    () => {
      const written = json<{ files: number }>(["synth", "tiny", "--layers", "4", "--vocab", "512"]);
      expect(written.files).toBeGreaterThan(2);
      const turn = (text: string) =>
        json<RunResult>(["run", "-m", "tiny", "--session", "s", "-n", "4", "--ignore-eos"], text);
      expect(turn("one").tokens.length).toBe(4);
      expect(turn("two").tokens.length).toBe(4);
      const ids = ["--token-ids", "1,2,3,4,5"];
      expect(json<{ scored: number }>(["eval", "perplexity", "tiny", ...ids]).scored).toBe(4);
      json(["eval", "logits", "tiny", ...ids, "--output", "logits.npy"]);
      expect(json<{ mean_kl: number }>(["eval", "kl", "tiny", ...ids, "--reference", "logits.npy"]).mean_kl).toBe(0);
      expect(existsSync(join(folder, "logits.npy"))).toBe(true);
      const { out } = flashmoe(
        ["tokenize", "-m", "tiny", "--decode"],
        flashmoe(["tokenize", "-m", "tiny", "round trip"]).out,
      );
      expect(out).toBe("round trip");
    },
    slow,
  );

  test("fails with the exit codes of the sources", () => {
    expect(flashmoe([]).code).toBe(2);
    expect(flashmoe(["run", "--nope"])).toMatchObject({ code: 2, out: "" });
    expect(flashmoe(["show", "absent"])).toMatchObject({ code: 3, out: "" });
    const { code, err } = flashmoe(["run", "--nope", "--debug"]);
    expect([code, err.includes("\n    at ")]).toEqual([2, true]);
  });

  test(
    "takes Ctrl+C, and a reader that leaves",
    async () => {
      const args = ["run", "-m", "talker", "hi", "--no-think", "--ignore-eos", "--context", "100000", "--seed", "1"];
      json(["synth", "talker", "--layers", "4", "--vocab", "512"]);
      const child = Bun.spawn([binary, ...args], {
        cwd: folder,
        env: environment,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      let heard = 0;
      for await (const piece of child.stdout) {
        if (heard === 0) child.kill("SIGINT");
        heard += piece.length;
      }
      expect([await child.exited, await new Response(child.stderr).text()]).toEqual([130, ""]);
      const left = Bun.spawnSync(["sh", "-c", '{ "$@"; echo "exit $?" >&2; } | head -c 10', "sh", binary, ...args], {
        cwd: folder,
        env: { ...environment, PATH: process.env.PATH ?? "" },
      });
      expect([left.exitCode, left.stderr.toString()]).toEqual([0, "exit 0\n"]);
    },
    slow,
  );

  test(
    "is quick to its first token",
    () => {
      const runs = Array.from({ length: 5 }, () => {
        const startedAt = performance.now();
        const { code, cpu } = flashmoe(["run", "Hello", "-n", "1", "--temperature", "0"]);
        expect(code).toBe(0);
        return { wallMs: performance.now() - startedAt, cpuMs: Number(cpu) / 1000 };
      });
      const best = (key: "wallMs" | "cpuMs") => Math.min(...runs.map((run) => run[key]));
      console.error(
        `first token, warm: ${best("wallMs").toFixed(0)} ms, ${best("cpuMs").toFixed(0)} ms of them computing`,
      );
      // Processor time, since other work on the machine stretches the clock.
      expect(best("cpuMs")).toBeLessThan(600);
    },
    slow,
  );
});
