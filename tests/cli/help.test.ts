/** Help of every command, and docs/cli.md against it. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { createProgram, everyCommand, pathOf } from "../../src/cli/program.ts";
import { flashmoe, inParallel } from "../kit/command.ts";

const commands = everyCommand(createProgram());
const argsOf = (command: Command) => pathOf(command).split(" ").slice(1);

describe("help", () => {
  for (const command of commands) {
    test(pathOf(command), () => expect(command.helpInformation()).toMatchSnapshot());
  }

  test("is printed on stdout by --help, -h and help, exit code 0", async () => {
    const calls = commands.flatMap((command) => [
      { command, args: [...argsOf(command), "--help"] },
      { command, args: ["help", ...argsOf(command)] },
    ]);
    await inParallel(calls, 3, async ({ command, args }) => {
      const { code, out, err } = await flashmoe(args);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toBe(command.helpInformation());
    });
    expect((await flashmoe(["run", "-h"])).out).toBe((await flashmoe(["help", "run"])).out);
  }, 120_000);

  test("says in words what every command and flag is for", () => {
    for (const command of commands) {
      expect(command.description(), pathOf(command)).not.toBe("");
      for (const option of command.options)
        expect(option.description, `${pathOf(command)} ${option.flags}`).not.toBe("");
    }
  });
});

describe("the version", () => {
  test("is package.json's, alone", async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dir, "../../package.json"), "utf8")) as {
      version: string;
    };
    for (const flag of ["--version", "-V"]) {
      const { code, out, err } = await flashmoe([flag]);
      expect([code, out, err]).toEqual([0, `${manifest.version}\n`, ""]);
    }
  });
});

describe("docs/cli.md", () => {
  const sections = new Map(
    readFileSync(join(import.meta.dir, "../../docs/cli.md"), "utf8")
      .split(/^## /m)
      .map((section) => [section.slice(0, section.indexOf("\n")).replaceAll("`", ""), section]),
  );

  /** Flags in the first column of a section's tables, and of the sections of flags it refers to. */
  function flagsOf(section: string): string[] {
    const rows = section.match(/^\| `-.*$/gm) ?? [];
    const own = rows.flatMap((row) => row.split(" | ")[0]!.match(/--?[a-z-]+/g) ?? []);
    const links = section.match(/\]\(#[a-z]+-flags\)/g) ?? [];
    const shared = links.flatMap((link) => {
      const title = link.slice(3, -1).replace("-", " ");
      return flagsOf(sections.get(title.charAt(0).toUpperCase() + title.slice(1))!);
    });
    return [...own, ...shared].sort();
  }

  const leaves = commands.filter((command) => command.commands.length === 0);
  test.each(leaves.map((command) => [pathOf(command), command] as const))(
    "has %s with exactly its flags",
    (path, command) => {
      const section = sections.get(path);
      expect(section).toBeDefined();
      const flags = command.options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));
      expect(flagsOf(section!)).toEqual(flags.sort());
    },
  );

  test("has no command that does not exist", () => {
    const described = [...sections.keys()].filter((title) => title.startsWith("flashmoe "));
    expect(described.sort()).toEqual(leaves.map(pathOf).sort());
  });
});
