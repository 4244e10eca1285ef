/** The command line: one commander program, one file per command. Parses, dispatches, never exits. */
import { Command, CommanderError } from "commander";
import { version } from "../version.ts";
import { addEvalCommand } from "./eval.ts";
import { addRunCommand } from "./run.ts";
import { addShowCommand } from "./show.ts";
import { addSynthCommand } from "./synth.ts";
import { writeAll } from "./terminal.ts";
import { addTokenizeCommand } from "./tokenize.ts";

export function createProgram(): Command {
  const program = new Command("flashmoe")
    .description("Runs Mixture-of-Experts models far larger than RAM: the experts stay on disk.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "show the help of a command")
    .showSuggestionAfterError(true);
  addRunCommand(program);
  addShowCommand(program);
  addTokenizeCommand(program);
  addEvalCommand(program);
  addSynthCommand(program);
  program.action(() => {
    program.outputHelp({ error: true });
    throw new CommanderError(2, "flashmoe.noCommand", "no command");
  });
  for (const command of everyCommand(program)) prepare(command);
  return program;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function prepare(command: Command): void {
  command.exitOverride();
  command.allowExcessArguments(false);
  command.configureHelp({ helpWidth: 100 });
  command.configureOutput({
    writeOut: (text) => void writeAll(1, text),
    writeErr: (text) => void writeAll(2, text),
    outputError: (text, write) =>
      write(text.replace(/^error: /, "flashmoe: ") + `  hint: flashmoe ${pathOf(command)}--help lists what it takes\n`),
  });
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)}${command.name()} ` : "";
}
