// npm run bench: times the native kernels beside a plain read of memory, in one run. -- ARGS go to the benchmark.
import { spawnSync } from "node:child_process";
import { main, root } from "./lib/project.mjs";
import { ensureZig } from "./lib/zig.mjs";

await main(async (args) => {
  const zig = await ensureZig();
  return spawnSync(zig, ["build", "bench", "--", ...args], { cwd: root, stdio: "inherit" }).status ?? 1;
});
