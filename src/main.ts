/** argv -> command -> exit code. The only file that ends the process. */
import { createProgram } from "./cli/program.ts";
import { reportError } from "./cli/report-error.ts";
import { isEngineWorker } from "./engine/index.ts";

async function main(): Promise<number> {
  try {
    await createProgram().parseAsync(process.argv);
    return 0;
  } catch (error) {
    return reportError(error, process.argv.includes("--debug"));
  }
}

// The engine's worker is this same program when compiled; it serves requests and ends by itself.
if (!isEngineWorker) process.exit(await main());
