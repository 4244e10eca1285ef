// The native library: built by Zig when a source changed since the last build, else left alone.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { capture, Problem, readText, root, runTool, say } from "./project.mjs";
import { ensureZig } from "./zig.mjs";

const library = join(root, "zig-out/lib/libflashmoe.bin");
const stamp = join(root, "zig-out/built-from");

/**
 * Builds zig-out/lib for this machine unless it is up to date; with it, on the cores that it leaves idle, the other
 * `steps`. Returns whether anything was built.
 */
export async function ensureLibrary(steps = []) {
  const wanted = fingerprint();
  if (existsSync(library) && readText(stamp) === wanted) return false;
  say("building the native library");
  rmSync(stamp, { force: true });
  await zigBuild(["install", ...steps]);
  mkdirSync(join(root, "zig-out"), { recursive: true });
  writeFileSync(stamp, wanted);
  return true;
}

/**
 * Steps at once. Zig's own default is one less than there are cores, on two one step after the other; and a step that
 * was the last to be waited for holds up what it made possible, hence twice as many.
 */
const jobs = `-j${2 * availableParallelism()}`;

/** `zig build ARGS` with its output on stderr. */
export async function zigBuild(args) {
  runTool(await ensureZig(), ["build", jobs, ...args]);
}

/** The same beside other work, its output only where it fails. */
export async function zigBuildBeside(args) {
  const { status, output } = await capture(await ensureZig(), ["build", jobs, ...args]);
  if (status === 0) return;
  say(output.trimEnd());
  throw new Problem(`zig build ${args.join(" ")} ended with ${status}`);
}

/** Names, sizes and times of everything the library is built from: cheap, and a false alarm only costs a no-op build. */
function fingerprint() {
  const hash = createHash("sha256");
  const visit = (path) => {
    const found = statSync(join(root, path));
    if (found.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(`${path}/${name}`);
    else hash.update(`${path} ${found.size} ${found.mtimeMs}\n`);
  };
  for (const path of ["build.zig", "build.zig.zon", "zig"]) visit(path);
  return hash.update(process.env.ZIG ?? "").digest("hex");
}
