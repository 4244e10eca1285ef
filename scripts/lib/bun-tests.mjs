// Runs `bun test` and counts from its junit report: what it prints is for people.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bunPath } from "./packages.mjs";
import { readText, root } from "./project.mjs";

/** Runs the tests of the files whose path contains one of `patterns`; none: all of them. */
export async function runBunTests(patterns) {
  const report = join(root, "build/bun-tests.xml");
  mkdirSync(join(root, "build"), { recursive: true });
  rmSync(report, { force: true });
  const options = ["--only-failures", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`];
  const args = ["--no-env-file", "test", ...options, ...patterns];
  const { status } = spawnSync(bunPath(), args, { cwd: root, stdio: ["ignore", 2, 2] });
  const tally = { name: "bun test", ...countsOf(readText(report) ?? "") };
  // A file that does not load, or a crash of the runner, fails without a failing test of its own.
  if (status !== 0 && tally.failed === 0) tally.failed = 1;
  return tally;
}

/** Sums of the report's root element. */
function countsOf(report) {
  const head = /<testsuites\b[^>]*>/.exec(report)?.[0] ?? "";
  const count = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}
