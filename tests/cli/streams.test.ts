/** Standard streams and signals as shells hand them out: closed, full, gone, a terminal, Ctrl+C. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { RunResult } from "../../src/cli/run-result.ts";
import { decodeSaved } from "../../src/cli/session-file.ts";
import { FlashMoE } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import { environment, flashmoe, flashmoeJson, program } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
/** Can talk for a long time. */
const model = path("model");

beforeAll(() => {
  writeTinyCheckpoint(model);
  const config = join(model, "config.json");
  const text = readFileSync(config, "utf8").replace(
    '"max_position_embeddings": 4096',
    '"max_position_embeddings": 1000000',
  );
  writeFileSync(config, text);
});

/** Without thoughts, which a model that says anything never ends: all of it is stdout. */
const short = () => ["run", "-m", model, "hi", "--no-think", "-n", "4", "--temperature", "0", "--ignore-eos"];
const endless = () => ["run", "-m", model, "hi", "--no-think", "--ignore-eos", "--context", "500000", "--seed", "1"];

describe.concurrent("streams", () => {
  test("a closed standard input is an empty one", async () => {
    const usual = await flashmoe(short());
    expect(usual.code).toBe(0);
    const { code, out, err } = await flashmoe(short(), { shell: 'exec "$@" <&-' });
    expect([code, out, err]).toEqual([0, usual.out, ""]);
    const nothing = await flashmoe(["run", "-m", model], { shell: 'exec "$@" <&-' });
    expect([nothing.code, nothing.out]).toEqual([2, ""]);
    expect(nothing.err).toStartWith("flashmoe: the prompt is empty.");
  });

  test("a closed standard output or error does no harm", async () => {
    const silent = await flashmoe(short(), { shell: 'exec "$@" >&-' });
    expect([silent.code, silent.err]).toEqual([0, ""]);
    const usual = await flashmoe(short());
    const mute = await flashmoe([...short(), "--stats"], { shell: 'exec "$@" 2>&-' });
    expect([mute.code, mute.out]).toEqual([0, usual.out]);
    const failing = await flashmoe(["run", "-m", path("absent"), "hi"], { shell: 'exec "$@" 2>&-' });
    expect([failing.code, failing.out]).toEqual([3, ""]);
  });

  test.if(existsSync("/dev/full"))("a full disk behind standard output is an error", async () => {
    const { code, err } = await flashmoe(short(), { shell: 'exec "$@" >/dev/full' });
    expect(err).toBe(
      "flashmoe: standard output cannot be written (ENOSPC).\n  hint: Check the disk or the program that reads it.\n",
    );
    expect(code).toBe(1);
    const unheard = await flashmoe([...short(), "--stats"], { shell: 'exec "$@" 2>/dev/full' });
    expect(unheard.code).toBe(0);
  });

  test("a reader that leaves ends an endless reply, quietly", async () => {
    const { code, out, err } = await flashmoe(endless(), { shell: '{ "$@"; echo "exit $?" >&2; } | head -c 20' });
    expect([code, out.length > 0, err]).toEqual([0, true, "exit 0\n"]);
  });

  test("standard input may be anything but must be text of a sensible size", async () => {
    const folder = await flashmoe(["run", "-m", model], { shell: 'exec "$@" </' });
    expect([folder.code, folder.out]).toEqual([2, ""]);
    expect(folder.err).toStartWith("flashmoe: standard input cannot be read (EISDIR).");
    const flood = await flashmoe(["run", "-m", model], { shell: 'exec "$@" </dev/zero' });
    expect([flood.code, flood.out]).toEqual([2, ""]);
    expect(flood.err).toStartWith("flashmoe: standard input is longer than 64.0 MiB.");
  });

  test("waiting for an input that does not end is explained", async () => {
    const child = Bun.spawn([...program, ...short()], {
      env: environment,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = child.stderr.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toBe(
      "flashmoe: waiting for the end of standard input; where none is meant, run with </dev/null\n",
    );
    await child.stdin.end();
    expect(await new Response(child.stdout).text()).toBe((await flashmoe(short())).out);
    expect(await child.exited).toBe(0);
  });
});

describe.concurrent("Ctrl+C", () => {
  /** Starts, waits for the first text, interrupts, and waits for the end. */
  async function interrupted(args: string[]) {
    const child = Bun.spawn([...program, ...args], {
      env: environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const pieces: Uint8Array[] = [];
    for await (const piece of child.stdout) {
      if (pieces.length === 0) child.kill("SIGINT");
      pieces.push(piece);
    }
    const err = await new Response(child.stderr).text();
    return { code: await child.exited, signal: child.signalCode, out: Buffer.concat(pieces).toString(), err };
  }

  test("stops the reply: what was said stays, exit code 130", async () => {
    const { code, signal, out, err } = await interrupted(endless());
    expect([code, signal, err]).toEqual([130, null, ""]);
    expect(out.length).toBeGreaterThan(0);
    expect(out).toEndWith("\n");
  });

  test("keeps the conversation: the session holds what was said, and goes on", async () => {
    const session = path("session");
    const { code, out, err } = await interrupted([...endless(), "--session", session]);
    expect([code, err]).toEqual([130, ""]);
    const description = await describeModel(model);
    await using engine = await FlashMoE.open(description, { context: 500_000 });
    await using loaded = await engine.loadSession(session);
    const saved = decodeSaved(loaded.user, session);
    const reply = saved.messages.at(-1)!.content;
    expect([`${reply}\n`, reply]).toContain(out);
    const next = ["run", "-m", model, "more", "-n", "2", "--session", session, "--context", "500000", "--quiet"];
    const { prompt_tokens } = await flashmoeJson<RunResult>(next);
    expect(prompt_tokens.length).toBeGreaterThan(2);
  });

  test("a second one ends the process at once", async () => {
    const child = Bun.spawn(
      [process.execPath, "--no-env-file", resolve(import.meta.dir, "../kit/interrupt-child.ts")],
      { env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    let said = "";
    for await (const piece of child.stdout) {
      said += new TextDecoder().decode(piece);
      child.kill("SIGINT");
    }
    await child.exited;
    expect([said, child.signalCode as string | null]).toEqual(["ready\nfirst\n", "SIGINT"]);
  });
});
