/** The bootstrap scripts as a user would start them, and the freshness of what they generate. */

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../house/repository.ts";

const scratch = mkdtempSync(join(tmpdir(), "flashmoe-bootstrap-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function node(args: string[], environment: Record<string, string> = {}) {
  const result = Bun.spawnSync(["node", ...args], { cwd: root, env: { ...process.env, ...environment } });
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() };
}

/** A program that answers `version` like another Zig. */
function fakeZig(version: string): string {
  const path = join(scratch, `zig-${version}`);
  writeFileSync(path, `#!/bin/sh\necho ${version}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("the pinned Zig", () => {
  test("another version in $ZIG is refused with the fix", () => {
    const { code, err } = node(["scripts/generate.mjs", "--check"], { ZIG: fakeZig("0.15.2") });
    expect(code).toBe(1);
    expect(err).toContain("is 0.15.2, flashmoe needs Zig 0.16.0 exactly; unset ZIG");
  });

  test("a $ZIG that is no program is refused, not passed over", () => {
    const { code, err } = node(["scripts/generate.mjs", "--check"], { ZIG: join(scratch, "absent") });
    expect(code).toBe(1);
    expect(err).toContain("is not runnable");
  });
});

test("generated files are fresh", () => {
  const { code, err } = node(["scripts/generate.mjs", "--check"]);
  expect(err).toBe("");
  expect(code).toBe(0);
});

describe("npm start", () => {
  test("prints what flashmoe prints and nothing else, and hands on its exit code", () => {
    const version = JSON.parse(
      new TextDecoder().decode(Bun.spawnSync(["cat", join(root, "package.json")]).stdout),
    ).version;
    const good = Bun.spawnSync(["npm", "start", "--", "--version"], { cwd: root, stdin: "ignore" });
    expect(good.stdout.toString()).toBe(`${version}\n`);
    expect(good.exitCode).toBe(0);
    const bad = Bun.spawnSync(["npm", "start", "--", "no-such-command"], { cwd: root, stdin: "ignore" });
    expect(bad.stdout.toString()).toBe("");
    expect(bad.exitCode).toBe(2);
  });

  test.if(process.platform === "linux")("passes SIGTERM on and ends with it", async () => {
    // `tokenize` without text waits for stdin, which stays open here.
    const child = Bun.spawn(["node", "scripts/start.mjs", "tokenize"], {
      cwd: root,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const running = await childOf(child.pid);
    child.kill("SIGTERM");
    expect(await child.exited).not.toBe(0);
    expect(existsSync(`/proc/${running}`)).toBe(false);
  });
});

/** Waits until the process has a child and returns its id. Reads the kernel's list; no fixed delay decides. */
async function childOf(pid: number): Promise<number> {
  for (;;) {
    const list = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
    const first = Number(list.trim().split(" ")[0]);
    if (first > 0) return first;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
