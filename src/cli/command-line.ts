/** The room's one door: a command line in, an exit code out. Loads the commands only where they run. */
import { isEngineWorker } from "../engine/index.ts";
import { reportError } from "./report-error.ts";

/** Null in the engine's worker: what it does began with the import of its room, and there is no command to run. */
export async function commandLine(argv: readonly string[]): Promise<number | null> {
  if (isEngineWorker) return null;
  try {
    const { createProgram } = await import("./program.ts");
    await createProgram().parseAsync(argv);
    return 0;
  } catch (error) {
    return reportError(error, wantsStack(argv));
  }
}

/** Looked up by hand, since the command line may be what is wrong. After `--` come arguments, not flags. */
function wantsStack(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end < 0 ? argv : argv.slice(0, end)).includes("--debug");
}
