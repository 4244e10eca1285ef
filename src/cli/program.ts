/** The command line: one commander program, one file per command. Parses, dispatches, never exits. */
import { Command, type CommanderError } from "commander";
import { version } from "../version.ts";
import { addBenchCommand } from "./bench.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addEvalCommand } from "./eval.ts";
import { addPackCommand } from "./pack.ts";
import { addPlanCommand } from "./plan.ts";
import { addRunCommand } from "./run.ts";
import { addShowCommand } from "./show.ts";
import { addSynthCommand } from "./synth.ts";
import { writeAll } from "./terminal.ts";
import { addTokenizeCommand } from "./tokenize.ts";
import { addTuneCommand } from "./tune.ts";
import { quoted, usage } from "./usage.ts";
import { addVerifyCommand } from "./verify.ts";

export function createProgram(): Command {
  const program = new Command("flashmoe")
    .description("Runs Mixture-of-Experts models far larger than RAM: the experts stay on disk.")
    .version(version, "-V, --version", "print the version");
  addRunCommand(program);
  addShowCommand(program);
  addTokenizeCommand(program);
  addPlanCommand(program);
  addDoctorCommand(program);
  addTuneCommand(program);
  addBenchCommand(program);
  addEvalCommand(program);
  addPackCommand(program);
  addVerifyCommand(program);
  addSynthCommand(program);
  addHelpCommand(program);
  for (const command of everyCommand(program)) prepare(command);
  return program;
}

/** The program and all commands below it; the tests of the documents read them too. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** "flashmoe eval logits" */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** Our own, since commander's answers the name of an unknown command with the whole help. */
function addHelpCommand(program: Command): void {
  const command = program.command("help").description("print the help of a command");
  command.argument("[command...]", "its name, like run or eval logits").action((names: string[]) => {
    let found = program;
    for (const name of names) {
      const below = found.commands.find((candidate) => candidate.name() === name);
      if (below === undefined) throw usage(`unknown command ${quoted(name)}`, `${pathOf(found)} --help lists them`);
      found = below;
    }
    found.outputHelp();
  });
}

function prepare(command: Command): void {
  command.helpCommand(false);
  command.helpOption("-h, --help", "print this help");
  command.allowExcessArguments(false);
  command.configureHelp({ helpWidth: 100 });
  command.configureOutput({
    writeOut: (text) => void writeAll(1, text),
    writeErr: (text) => void writeAll(2, text),
    outputError: () => {}, // said once, by report-error.ts
  });
  command.exitOverride((error) => {
    throw error.code.startsWith("commander.help") || error.exitCode === 0 ? error : usageError(command, error);
  });
}

function usageError(command: Command, error: CommanderError): Error {
  const said = error.message.replace(/^error: /, "");
  // "option '-n, --max-tokens <n>' argument 'x' is invalid. <reason>": the reason repeats the argument.
  const invalid = /^option '(?:-\w, )?(--[\w-]+).*?' argument .* is invalid\. (.*)$/s.exec(said);
  const manyWords = error.code === "commander.excessArguments" && command.name() === "run";
  return usage(
    invalid ? `${invalid[1]}: ${invalid[2]}` : said,
    manyWords
      ? 'Put the prompt in quotes; a model is named with -m: flashmoe run -m MODEL "PROMPT"'
      : `${pathOf(command)} --help lists what it takes`,
    error,
  );
}
