// npm run build: one executable, dist/flashmoe, with the runtime, the native library and the embedded model inside.
// npm run build:all: dist/flashmoe-<system> for every system, cross-compiled. -- TARGET...: only those.
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeEmbeddedModel } from "./lib/embedded.mjs";
import { ensureLibrary, zigBuildBeside } from "./lib/native.mjs";
import { bunPath, ensurePackages } from "./lib/packages.mjs";
import { main, Problem, root, runTool, say } from "./lib/project.mjs";
import { ensureRuntime } from "./lib/runtimes.mjs";
import { host, targets } from "./lib/targets.mjs";

const flags = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  // The binary must not be configured by files that happen to lie where it is called.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--conditions=fm-compiled",
];

/** Bundles src/main.ts into the executable `name`; `more` chooses system, runtime and library. */
function compile(name, more) {
  const output = join(root, "dist", name);
  rmSync(output, { force: true });
  runTool(bunPath(), ["--no-env-file", "build", ...flags, ...more, "src/main.ts", `--outfile=${output}`]);
  if (!existsSync(output)) throw new Problem(`bun build wrote no ${output}`);
  say(`dist/${name}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);
}

const buildLibraryFor = (name) => zigBuildBeside([`-Dtarget=${targets[name].zig}`, "--prefix", `zig-out/${name}`]);

async function compileFor(name) {
  const target = targets[name];
  const runtime = await ensureRuntime(target.runtime);
  compile(`flashmoe-${name}`, [
    `--target=${target.bun}`,
    `--compile-executable-path=${runtime}`,
    `--conditions=fm-${name}`,
  ]);
}

function chosenTargets(args) {
  const names = args.filter((arg) => arg !== "--all");
  for (const name of names)
    if (!(name in targets)) throw new Problem(`unknown system ${name}; known: ${Object.keys(targets).join(", ")}`);
  if (names.length > 0) return names;
  return args.includes("--all") ? Object.keys(targets) : [];
}

await main(async (args) => {
  const names = chosenTargets(args);
  await ensurePackages();
  mkdirSync(join(root, "dist"), { recursive: true });
  if (!(host in targets)) throw new Problem(`flashmoe is not built for ${host}`);
  await ensureLibrary(); // packs the embedded model, whichever system the binary is for
  writeEmbeddedModel();
  // All at once: the largest part of a library is compiled on one core.
  if (names.length > 0) say(`building for ${names.join(", ")}`);
  await Promise.all(names.map(buildLibraryFor));
  for (const name of names) await compileFor(name);
  if (names.length === 0) compile("flashmoe", []);
  return 0;
});
