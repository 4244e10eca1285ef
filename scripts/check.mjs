// npm run check: everything that can be judged without running the product, in seconds.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bunPath, ensurePackages } from "./lib/packages.mjs";
import { capture, main, root } from "./lib/project.mjs";
import { summaryLine } from "./lib/tally.mjs";
import { ensureZig } from "./lib/zig.mjs";

/** The checks: what they are called and the command that ends with 0 when all is well. */
async function checks() {
  const zig = await ensureZig();
  const node = process.execPath;
  return [
    ["format and lint (biome)", node, ["node_modules/@biomejs/biome/bin/biome", "check", "--max-diagnostics=50"]],
    ["types (tsc)", node, ["node_modules/typescript/bin/tsc", "--noEmit"]],
    ["format (zig fmt)", zig, ["fmt", "--check", "build.zig", "build.zig.zon", "zig"]],
    ["generated files are fresh", zig, ["build", "generate", "-Dcheck"]],
    [
      "import rules, sizes, hygiene (tests/house)",
      bunPath(),
      ["--no-env-file", "test", "--only-failures", "tests/house/"],
    ],
    ...shellScripts().map((file) => [`bash -n ${file}`, "bash", ["-n", file]]),
  ];
}

/** Shell scripts of the repository, tracked or about to be. */
function shellScripts() {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "*.sh", ".ci/run"];
  const listed = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return (listed.stdout ?? "").split("\n").filter((file) => file && existsSync(join(root, file)));
}

await main(async () => {
  await ensurePackages();
  const tally = { passed: 0, failed: 0, skipped: 0 };
  const running = (await checks()).map(async ([name, program, args]) => ({ name, ...(await capture(program, args)) }));
  for (const check of running) {
    const { name, status, output } = await check;
    const ok = status === 0;
    tally[ok ? "passed" : "failed"]++;
    console.log(`${ok ? "ok    " : "FAILED"} ${name}`);
    if (!ok) console.log(output.trimEnd().replace(/^/gm, "       "));
  }
  console.log(summaryLine(tally));
  return tally.failed === 0 ? 0 : 1;
});
