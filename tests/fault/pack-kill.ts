/**
 * `pack` killed (SIGKILL) at work at 50 random moments, in every other round while it deletes its source: what comes out in the end is
 * always the same. A moment is some number of finished files and some milliseconds after the last of them.
 * usage: pack-kill.ts ENGINE...   needs about 150 MiB of disk; prints "N passed, N failed".
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { seededRandom } from "../kit/random.ts";

/** Kills that met a pack at work. */
const killsWanted = 50;
const roundsMax = 200;
/** Kills of one round before it may finish: a resumed pack is killed too. */
const killsMax = 3;
/** 12 layers of 2 MiB: many files, syncs and renames to be killed between. */
const layers = 12;
const shape = [
  "--layers",
  String(layers),
  "--experts",
  "32",
  "--hidden",
  "128",
  "--expert-width",
  "128",
  "--vocab",
  "512",
];

interface Packed {
  hash: string;
  resumed_files: number;
}

function command(engine: string[], args: string[]): string {
  const child = Bun.spawnSync([...engine, ...args], { stderr: "pipe" });
  if (child.exitCode !== 0) throw new Error(`flashmoe ${args.join(" ")}: exit ${child.exitCode}\n${child.stderr}`);
  return child.stdout.toString();
}

/** Every byte of a directory by name. */
function contents(directory: string): Map<string, string> {
  return new Map(
    readdirSync(directory)
      .sort()
      .map((name) => [name, Bun.hash.xxHash3(readFileSync(join(directory, name))).toString(16)]),
  );
}

/** Until the pack has begun and so many of its files are done, or it has ended. */
async function reached(child: { exitCode: number | null; signalCode: unknown }, partial: string, files: number) {
  const done = () => {
    try {
      return readdirSync(join(partial, "model")).filter((name) => /\d\.bin$/.test(name)).length;
    } catch {
      return existsSync(partial) ? 0 : -1;
    }
  };
  while (child.exitCode === null && child.signalCode === null && done() < files) await Bun.sleep(1);
}

async function main(engine: string[]): Promise<number> {
  const work = mkdtempSync(join(process.env.FLASHMOE_SCALE_DIR ?? tmpdir(), "flashmoe-pack-kill-"));
  const random = seededRandom(Number(process.env.FLASHMOE_SEED ?? 1));
  try {
    const original = join(work, "original");
    command(engine, ["synth", original, ...shape, "--shard-size", "6MiB"]);
    const source = join(work, "source"); // one name for all rounds: it is part of the manifest
    const target = join(work, "target");
    const renew = () => {
      rmSync(source, { recursive: true, force: true });
      rmSync(target, { recursive: true, force: true });
      cpSync(original, source, { recursive: true });
    };
    renew();
    const began = performance.now();
    const { hash } = JSON.parse(command(engine, ["pack", source, target, "--json"])) as Packed;
    const wholeMs = performance.now() - began;
    const expected = contents(target);
    const tally = { kills: 0, resumed: 0, missing: 0, failed: 0 };
    let round = 0;
    for (; tally.kills < killsWanted && round < roundsMax; round++) {
      renew();
      const args = ["pack", source, target, "--json", ...(round % 2 === 0 ? [] : ["--delete-source"])];
      for (let kill = 0; kill <= random.below(killsMax); kill++) {
        const child = Bun.spawn([...engine, ...args], { stdout: "ignore", stderr: "ignore" });
        await reached(child, `${target}.partial`, random.below(layers + 1));
        // The moment is what is tested: nothing waits for it to mean anything.
        await Promise.race([child.exited, Bun.sleep(random.uniform() * (wholeMs / layers))]);
        child.kill("SIGKILL");
        await child.exited;
        if (child.signalCode === "SIGKILL") tally.kills += 1;
      }
      const finished = existsSync(target) && !existsSync(join(`${target}.partial`, "journal.json"));
      if (finished) rmSync(`${target}.partial`, { recursive: true, force: true }); // an empty directory at most
      if (finished) command(engine, ["verify", target]);
      else {
        const shards = readdirSync(source).filter((name) => name.endsWith(".safetensors")).length;
        if (shards < readdirSync(original).filter((name) => name.endsWith(".safetensors")).length) tally.missing += 1;
        const result = JSON.parse(command(engine, args)) as Packed;
        if (result.resumed_files > 0) tally.resumed += 1;
        if (result.hash !== hash) console.log(`round ${round}: the hash is ${result.hash}`);
      }
      const same = Bun.deepEquals(contents(target), expected) && !existsSync(`${target}.partial`);
      if (same) continue;
      tally.failed += 1;
      console.log(`FAILED round ${round}: ${basename(target)} differs`);
    }
    const { kills, resumed, missing, failed } = tally;
    console.log(
      `${kills} kills in ${round} rounds, an undisturbed pack takes ${Math.round(wholeMs)} ms; ` +
        `${resumed} rounds kept finished files, ${missing} went on with part of the source deleted`,
    );
    const lively = kills >= killsWanted && resumed >= 10 && missing >= 3;
    if (!lively) console.log("FAILED: too few kills met a pack at work");
    const passed = round - failed + (lively ? 1 : 0);
    console.log(`${passed} passed, ${round + 1 - passed} failed`);
    return passed === round + 1 ? 0 : 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
