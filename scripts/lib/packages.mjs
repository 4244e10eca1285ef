// The npm side of the bootstrap: installs exactly what package-lock.json says and finds the pinned Bun.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Problem, readText, root, runTool, say, withLock } from "./project.mjs";

const stamp = join(root, "node_modules/.flashmoe-installed");

export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
export const bunVersion = manifest.dependencies.bun;

/** Installs the packages when node_modules is missing or the lock file changed. */
export async function ensurePackages() {
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (readText(stamp) === wanted) return;
  await withLock("npm", () => {
    if (readText(stamp) === wanted) return;
    say("installing packages (npm ci)");
    npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    writeFileSync(stamp, wanted);
  });
}

/** Runs npm, the one that started us where there is one. */
export function npm(args, options = {}) {
  const all = [...args, "--loglevel=error"];
  const own = process.env.npm_execpath;
  if (own && /npm-cli\.[cm]?js$/.test(own)) runTool(process.execPath, [own, ...all], options);
  else runTool("npm", all, options);
}

/** The pinned Bun itself. npm may skip install scripts, which leaves a placeholder in node_modules/bun/bin. */
export function bunPath() {
  const arch = { x64: "x64", arm64: "aarch64" }[process.arch];
  for (const suffix of ["", "-musl"]) {
    const path = join(root, `node_modules/@oven/bun-${process.platform}-${arch}${suffix}/bin/bun`);
    if (existsSync(path)) return path;
  }
  throw new Problem(
    `no Bun ${bunVersion} for ${process.platform} ${process.arch} in node_modules/@oven; ` +
      "flashmoe runs on Linux and macOS (x64, arm64). If npm was told to omit optional packages, remove that setting and run npm ci.",
  );
}
