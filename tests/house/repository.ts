/** What the house tests read: the repository's files as git sees them, tracked or about to be. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dir, "../..");

/** Paths from the root, without ignored and deleted files. */
export function repositoryFiles(): string[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: root },
  );
  if (exitCode !== 0) throw new Error(`git ls-files failed: ${stderr.toString()}`);
  const paths = stdout.toString().split("\0").filter(Boolean);
  return [...new Set(paths)].filter((path) => existsSync(join(root, path))).sort();
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Tests, their rigs and models, benches: what does not ship. */
export function isTest(path: string): boolean {
  const name = path.split("/").at(-1) ?? "";
  return (
    path.startsWith("tests/") || name.endsWith(".test.ts") || /(^|_)(tests?|fake|bench)[_.]([a-z_]+\.)?zig$/.test(name)
  );
}

/** The text with comments blanked out, so that a rule is not broken by being mentioned. Strings are kept. */
export function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|[\s;{}(),])\/\/[^\n]*/g, "$1");
}
