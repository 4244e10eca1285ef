// npm start -- ARGS: installs and builds what is missing, then runs flashmoe from its sources with ARGS.
// stdin, stdout, the terminal, signals and the exit code are the program's own; paths in ARGS are relative to where
// npm was called.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { ensureLibrary } from "./lib/native.mjs";
import { bunPath, ensurePackages } from "./lib/packages.mjs";
import { main, root } from "./lib/project.mjs";

/** A terminal sends Ctrl+C to the whole foreground group: forwarding it too would interrupt twice. */
function hasTerminal() {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

function runToEnd(program, args) {
  const cwd = process.env.npm_lifecycle_event === "start" ? process.env.INIT_CWD : undefined;
  return new Promise((resolve, reject) => {
    let child;
    const terminal = hasTerminal();
    // Before the spawn: a signal in between would end this process and leave the program behind.
    process.on("SIGINT", () => terminal || child.kill("SIGINT"));
    for (const signal of ["SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal));
    child = spawn(program, args, { stdio: "inherit", cwd });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ? 128 + constants.signals[signal] : code));
  });
}

await main(async (args) => {
  await ensurePackages();
  await ensureLibrary();
  // The directory flashmoe works in must not configure it: no .env, no bunfig of its own.
  const options = ["--no-env-file", `--config=${join(root, "bunfig.toml")}`];
  return runToEnd(bunPath(), [...options, join(root, "src/main.ts"), ...args]);
});
