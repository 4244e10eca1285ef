// node scripts/bun.mjs FILE ARGS: runs a TypeScript file of the project on the pinned Bun, for stages outside `npm test`.
import { spawnSync } from "node:child_process";
import { bunPath, ensurePackages } from "./lib/packages.mjs";
import { main } from "./lib/project.mjs";

await main(async (args) => {
  await ensurePackages();
  return spawnSync(bunPath(), ["--no-env-file", ...args], { stdio: "inherit" }).status ?? 1;
});
