/** argv -> command -> exit code. The only file that ends the process. */
import { commandLine } from "./cli/command-line.ts";

const exitCode = await commandLine(process.argv);
// null: this is the engine's worker, which runs the same bundle when compiled and ends by itself.
if (exitCode !== null) process.exit(exitCode);
