// The pinned Zig: $ZIG, a zig of exactly that version on PATH, else the official wheel from PyPI in .tools/.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Problem, root, runTool, say, tools, withLock } from "./project.mjs";

export const zigVersion = "0.16.0";

/** SHA-256 of the ziglang 0.16.0 wheels, by Node's platform and architecture. */
const wheels = {
  "linux-x64": "9fcda73f62b851dd72a54b710ad40a209896db14cfb13649e62191243556342b",
  "linux-arm64": "e27d409812b11e0fb89ed0200cf2e55b6464d43f9461553104e4a4f9a94a1fd5",
  "darwin-arm64": "b61e5413c49508d9d62e5dcea543e3af491594154d74a00ff52f84ed508260cc",
  "darwin-x64": "18e14f6b25678d7b7c65708c82501ee6090fe39ed5c783477d56267af1fa5629",
};

/** Path of a Zig of the pinned version; downloads it when there is none. */
export async function ensureZig() {
  if (process.env.ZIG) {
    const found = versionOf(process.env.ZIG);
    if (found === zigVersion) return process.env.ZIG;
    throw new Problem(
      `$ZIG (${process.env.ZIG}) is ${found ?? "not runnable"}, flashmoe needs Zig ${zigVersion} exactly; ` +
        "unset ZIG to use the pinned one, or point it at that version",
    );
  }
  if (versionOf("zig") === zigVersion) return "zig";
  const directory = join(tools, `zig-${zigVersion}`);
  const program = join(directory, "ziglang/zig");
  if (!existsSync(program))
    await withLock("zig", () => {
      if (!existsSync(program)) install(directory);
    });
  return program;
}

function versionOf(program) {
  const result = spawnSync(program, ["version"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : null;
}

function install(directory) {
  const platform = `${process.platform}-${process.arch}`;
  const wanted = wheels[platform];
  if (!wanted) throw new Problem(`no pinned Zig ${zigVersion} for ${platform}; set ZIG to one`);
  const python = ["python3", "python"].find(
    (name) => spawnSync(name, ["-m", "pip", "--version"], { stdio: "ignore" }).status === 0,
  );
  if (!python)
    throw new Problem(
      `Zig ${zigVersion} is needed: install Python 3 with pip (it is downloaded from PyPI), or set ZIG to one`,
    );

  say(`fetching Zig ${zigVersion} from PyPI`);
  const download = `${directory}.download`;
  const unpacked = `${directory}.unpacking`;
  for (const path of [download, unpacked]) rmSync(path, { recursive: true, force: true });
  mkdirSync(download, { recursive: true });
  const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"];
  runTool(python, [...pip, "--dest", download, `ziglang==${zigVersion}`], { cwd: root });

  const [file] = readdirSync(download).filter((name) => name.endsWith(".whl"));
  if (!file) throw new Problem("pip downloaded no wheel of ziglang");
  const wheel = join(download, file);
  const found = createHash("sha256").update(readFileSync(wheel)).digest("hex");
  if (found !== wanted) {
    rmSync(download, { recursive: true, force: true });
    throw new Problem(
      `${file} has SHA-256 ${found}, expected ${wanted}; it was removed. Try again, or set ZIG to a trusted ${zigVersion}`,
    );
  }
  runTool(python, ["-m", "zipfile", "-e", wheel, unpacked]);
  chmodSync(join(unpacked, "ziglang/zig"), 0o755);
  rmSync(directory, { recursive: true, force: true });
  renameSync(unpacked, directory);
  rmSync(download, { recursive: true, force: true });
}
