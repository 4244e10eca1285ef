/** The compiled binary as a user meets it: another folder, an empty environment, odd temporary directories. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");
const binary = join(root, "dist/flashmoe");
const scratch = mkdtempSync(join(tmpdir(), "flashmoe-binary-test-"));
const slow = 120_000;

/** A short greedy completion by the embedded model: touches the library, the worker, the model and the disk. */
const completion = ["run", "--json", "--quiet", "--temperature", "0", "--max-tokens", "6", "Hello"];

beforeAll(() => {
  const built = Bun.spawnSync(["node", "scripts/build.mjs"], { cwd: root, stderr: "pipe" });
  if (built.exitCode !== 0) throw new Error(`scripts/build.mjs failed:\n${built.stderr.toString()}`);
}, slow);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Run {
  code: number;
  out: string;
  err: string;
}

/** Runs the binary with exactly this environment. */
function run(
  args: string[],
  environment: Record<string, string>,
  options: { cwd?: string; before?: string[] } = {},
): Run {
  const command = [...(options.before ?? []), binary, ...args];
  const result = Bun.spawnSync(command, { cwd: options.cwd ?? "/", env: environment, stdin: "ignore" });
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() };
}

let serial = 0;
function freshHome(): string {
  const home = join(scratch, `home-${serial++}`);
  mkdirSync(home);
  return home;
}

function tokensOf({ code, out, err }: Run): number[] {
  expect(err).toBe("");
  expect(code).toBe(0);
  const { tokens } = JSON.parse(out) as { tokens: number[] };
  expect(tokens.length).toBeGreaterThan(0);
  return tokens;
}

/** Every file below a directory. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}

/** Where the binary keeps its files under `home`, on Linux and on macOS. */
function cacheOf(home: string): string {
  return join(home, process.platform === "darwin" ? "Library/Caches/flashmoe" : ".cache/flashmoe");
}

describe("the compiled binary", () => {
  test("prints its version in an empty environment, and leaves nothing behind", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const home = freshHome();
    expect(run(["--version"], {})).toEqual({ code: 0, out: `${version}\n`, err: "" });
    expect(run(["--version"], { HOME: home })).toEqual({ code: 0, out: `${version}\n`, err: "" });
    expect(readdirSync(home)).toEqual([]);
  });

  test("answers in an empty environment", () => void tokensOf(run(completion, {})), slow);

  test(
    "keeps its own files in directories only the user can enter, named by contents",
    () => {
      const home = freshHome();
      tokensOf(run(completion, { HOME: home }));
      const cache = cacheOf(home);
      const entries = readdirSync(cache);
      expect(entries.length).toBe(2); // the library and the model
      for (const entry of entries) {
        expect(entry).toMatch(/^[0-9a-f]{64}$/);
        expect(statSync(join(cache, entry)).mode & 0o777).toBe(0o700);
      }
    },
    slow,
  );

  test(
    "does not use a file of its cache that was changed",
    () => {
      const home = freshHome();
      const first = tokensOf(run(completion, { HOME: home }));
      const files = filesBelow(cacheOf(home));
      const originals = files.map((path) => readFileSync(path));
      for (const path of files) {
        const bytes = readFileSync(path);
        for (let at = 0; at < bytes.length; at += 997) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
        writeFileSync(path, bytes);
      }
      expect(tokensOf(run(completion, { HOME: home }))).toEqual(first);
      for (const [index, path] of files.entries()) expect(readFileSync(path).equals(originals[index]!)).toBe(true);
    },
    slow,
  );

  test(
    "needs no usable TMPDIR",
    () => {
      tokensOf(run(completion, { HOME: freshHome(), TMPDIR: "/nonexistent" }));
    },
    slow,
  );

  test(
    "falls back to the temporary directory when the home cannot be written",
    () => {
      const temporary = freshHome();
      tokensOf(run(completion, { HOME: "/proc", TMPDIR: temporary }));
      expect(readdirSync(temporary).some((name) => name.startsWith("flashmoe-"))).toBe(true);
    },
    slow,
  );

  test(
    "says what to do when no directory can hold its files",
    () => {
      const { code, out, err } = run(completion, { HOME: "/proc", TMPDIR: "/proc" });
      expect(code).toBe(1);
      expect(out).toBe("");
      expect(err).toContain("FLASHMOE_CACHE_DIR");
    },
    slow,
  );

  test(
    "is not configured by files that lie where it is called",
    () => {
      const folder = freshHome();
      writeFileSync(join(folder, ".env"), "FLASHMOE_LIBRARY=/nonexistent\n");
      writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./absent.ts"]\n');
      tokensOf(run(completion, { HOME: freshHome() }, { cwd: folder }));
    },
    slow,
  );

  test(
    "may be started several times at once on an empty cache",
    async () => {
      const home = freshHome();
      const children = Array.from({ length: 3 }, () =>
        Bun.spawn([binary, ...completion], { cwd: "/", env: { HOME: home }, stdin: "ignore", stderr: "pipe" }),
      );
      const outputs = await Promise.all(children.map((child) => new Response(child.stdout).text()));
      for (const child of children) expect(await child.exited).toBe(0);
      const tokens = outputs.map((output) => JSON.stringify((JSON.parse(output) as { tokens: number[] }).tokens));
      expect(new Set(tokens).size).toBe(1);
      expect(filesBelow(cacheOf(home)).filter((path) => path.endsWith(".tmp"))).toEqual([]);
    },
    slow,
  );

  // Mounting needs user namespaces or root; without them there is no such file system to test on.
  const canMount =
    process.platform === "linux" &&
    Bun.spawnSync(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).exitCode === 0;
  test.if(canMount)(
    "loads its library from elsewhere when the home is mounted noexec",
    () => {
      const home = freshHome();
      const script = 'mount -t tmpfs -o noexec tmpfs "$HOME" && exec "$@"';
      tokensOf(
        run(
          completion,
          { HOME: home, PATH: process.env.PATH ?? "" },
          { before: ["unshare", "-rm", "sh", "-c", script, "sh"] },
        ),
      );
    },
    slow,
  );
});
