// npm test: every test there is, native and TypeScript, with the counts in the last line as `N passed, N failed`.
// npm test -- PATTERN...: only the TypeScript tests whose file matches.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runBunTests } from "./lib/bun-tests.mjs";
import { ensureLibrary, zigBuildBeside } from "./lib/native.mjs";
import { runNativeTests } from "./lib/native-tests.mjs";
import { ensurePackages } from "./lib/packages.mjs";
import { main, root, say } from "./lib/project.mjs";
import { summaryLine, total } from "./lib/tally.mjs";

/** The native test executables of the rooms that exist, freshly built. */
async function buildNativeTests() {
  const directory = join(root, "zig-out/tests");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  say("building the native tests");
  await zigBuildBeside(["test-binaries"]);
  return readdirSync(directory)
    .filter((name) => existsSync(join(root, `zig/${name}.zig`)))
    .map((name) => join(directory, name));
}

await main(async (patterns) => {
  await ensurePackages();
  await ensureLibrary(patterns.length === 0 ? ["test-binaries"] : []);
  // Beside each other: half of the TypeScript tests' time is waiting for processes and disks.
  const native = async () => (patterns.length === 0 ? runNativeTests(await buildNativeTests()) : []);
  const parts = await Promise.allSettled([native(), runBunTests(patterns)]);
  const broken = parts.find(({ status }) => status === "rejected");
  if (broken !== undefined) throw broken.reason;
  const tallies = parts.flatMap(({ value }) => value);
  const sum = total(tallies);
  for (const tally of tallies) console.log(`${tally.name}: ${summaryLine(tally)}`);
  console.log(summaryLine(sum));
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
});
