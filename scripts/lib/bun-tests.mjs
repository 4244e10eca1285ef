// Runs `bun test`, as many files at once as there are cores, and counts from its junit report: what it prints is for people.
import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bunPath } from "./packages.mjs";
import { capture, readText, root } from "./project.mjs";

/** Runs the tests of the files whose path contains one of `patterns`; none: all of them. */
export async function runBunTests(patterns) {
  const report = join(root, "build/bun-tests.xml");
  mkdirSync(join(root, "build"), { recursive: true });
  rmSync(report, { force: true });
  const reporting = ["--only-failures", "--reporter=junit", `--reporter-outfile=${report}`];
  const options = ["--timeout=120000", `--parallel=${availableParallelism()}`];
  const args = ["--no-env-file", "test", ...options, ...reporting, ...patterns];
  const { status, output } = await capture(bunPath(), args, {}, (piece) => process.stderr.write(piece));
  const tally = { name: "bun test", ...countsOf(readText(report) ?? "") };
  // The report leaves out files that do not load; what is printed counts them as failures.
  tally.failed = Math.max(tally.failed, Number(/^ (\d+) fail$/m.exec(output)?.[1] ?? 0), status === 0 ? 0 : 1);
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
