/** The bootstrap scripts as a user would start them, and the freshness of what they generate. */

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

describe("downloads", () => {
  /** A copy of the scripts elsewhere, where nothing is installed, and a PATH that holds only what is put there. */
  function elsewhere(name: string): { folder: string; programs: string } {
    const folder = join(scratch, name);
    const programs = join(folder, "programs");
    mkdirSync(programs, { recursive: true });
    cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
    cpSync(join(root, "package.json"), join(folder, "package.json"));
    return { folder, programs };
  }

  function generateIn(folder: string, programs: string) {
    const program = Bun.which("node") ?? "node";
    const result = Bun.spawnSync([program, "scripts/generate.mjs"], { cwd: folder, env: { PATH: programs } });
    return { code: result.exitCode, err: result.stderr.toString() };
  }

  test("a wheel with another hash is refused and removed", () => {
    const { folder, programs } = elsewhere("wrong-hash");
    const python = join(programs, "python3");
    // Answers `-m pip --version` and, for `-m pip download --dest DIR`, leaves a file there.
    writeFileSync(
      python,
      '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = --dest ] && echo bad > "$2/ziglang-0.16.0.whl"; shift; done\nexit 0\n',
    );
    chmodSync(python, 0o755);
    const { code, err } = generateIn(folder, programs);
    expect(code).toBe(1);
    expect(err).toContain("ziglang-0.16.0.whl has SHA-256 1d7a363c");
    expect(readdirSync(join(folder, ".tools"))).toEqual([]);
  });

  test("without Python the message says what to install", () => {
    const { folder, programs } = elsewhere("no-python");
    const { code, err } = generateIn(folder, programs);
    expect(code).toBe(1);
    expect(err).toContain("install Python 3 with pip");
  });

  test("a lock whose holder is gone does not block", () => {
    const { folder, programs } = elsewhere("stale-lock");
    const gone = Bun.spawnSync(["true"]).pid;
    mkdirSync(join(folder, ".tools"));
    writeFileSync(join(folder, ".tools/zig.lock"), String(gone));
    const { code, err } = generateIn(folder, programs);
    expect(code).toBe(1);
    expect(err).toContain("install Python 3 with pip");
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
