// Bun runtimes of other systems, for cross-compiled binaries: npm packages, checked against package-lock.json.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bunVersion, npm } from "./packages.mjs";
import { Problem, root, runTool, say, tools, withLock } from "./project.mjs";

/** Path of the Bun executable in the npm package `name`, installed or fetched into .tools/. */
export async function ensureRuntime(name) {
  const installed = join(root, "node_modules", name, "bin/bun");
  if (existsSync(installed)) return installed;
  const directory = join(tools, `runtimes-${bunVersion}`, name.split("/")[1]);
  const program = join(directory, "package/bin/bun");
  if (!existsSync(program))
    await withLock("runtimes", () => {
      if (!existsSync(program)) fetchRuntime(name, directory);
    });
  return program;
}

function fetchRuntime(name, directory) {
  say(`fetching ${name}@${bunVersion}`);
  const unpacking = `${directory}.unpacking`;
  rmSync(unpacking, { recursive: true, force: true });
  mkdirSync(unpacking, { recursive: true });
  npm(["pack", `${name}@${bunVersion}`, "--ignore-scripts", "--pack-destination", unpacking]);
  const [file] = readdirSync(unpacking).filter((entry) => entry.endsWith(".tgz"));
  if (!file) throw new Problem(`npm pack wrote no archive of ${name}`);
  verify(name, join(unpacking, file));
  runTool("tar", ["-xzf", join(unpacking, file), "-C", unpacking]);
  rmSync(join(unpacking, file));
  rmSync(directory, { recursive: true, force: true });
  renameSync(unpacking, directory);
}

/** The lock file pins the hash of every optional package, also of those npm does not install here. */
function verify(name, archive) {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const wanted = lock.packages[`node_modules/${name}`]?.integrity;
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (wanted === undefined || found !== wanted)
    throw new Problem(`${name}@${bunVersion}: the archive's hash is ${found}, package-lock.json says ${wanted}`);
}
