/**
 * Ten thousand tokens inside a real memory limit that counts page cache, with a cache of a quarter of the experts: nothing
 * grows after the start, nothing is killed, `--memory` plus 5 % is never exceeded.
 * usage: endurance.ts ENGINE...   needs root and the memory cgroup (v1); prints "N passed, N failed".
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlashMoE } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import { memoryGroupsWork, runInGroup } from "../bench/memory-group.ts";

const MIB = 2 ** 20;
/** 4 layers of 64 experts of about 250 KiB: a token takes a few milliseconds. */
const shape = [
  "--layers",
  "4",
  "--hidden",
  "768",
  "--experts",
  "64",
  "--experts-per-token",
  "4",
  "--expert-width",
  "192",
];
const more = ["--vocab", "4096", "--heads", "8", "--kv-heads", "2", "--head-dim", "64"];
const tokens = 10_000;
/** A session's replies in turn, so that the end of one and the start of the next are met as well. */
const parts = 4;
/** What may come on top between the first part and the last. */
const growthMost = 8 * MIB;

let passed = 0;
let failed = 0;
function check(what: string, good: boolean, seen: string): void {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "ok    " : "FAILED"} ${what}: ${seen}`);
}

interface Told {
  tokens: number;
  rssBytes: number[];
  planBytes: number;
}

/** In the group: the tokens, and the memory held after each part. */
async function generate(model: string, memoryBytes: number): Promise<Told> {
  await using engine = await FlashMoE.open(await describeModel(model), { memoryBytes, context: 4096, prefetch: "on" });
  const rssBytes: number[] = [];
  let count = 0;
  for (let part = 0; part < parts; part++) {
    await using session = await engine.createSession({ temperature: 1, seed: part + 1 });
    for await (const _ of session.generate({ prompt: [1, 2, 3, part + 4], maxTokens: tokens / parts })) count += 1;
    rssBytes.push((await engine.stats()).rssBytes);
  }
  return { tokens: count, rssBytes, planBytes: engine.plan.limitBytes };
}

async function main(engine: string[]): Promise<void> {
  const work = mkdtempSync(join(process.env.FLASHMOE_SCALE_DIR ?? tmpdir(), "flashmoe-endurance-"));
  try {
    const model = join(work, "model");
    const written = Bun.spawnSync([...engine, "synth", model, ...shape, ...more, "--packed", "--quiet"], {
      stderr: "inherit",
    });
    if (written.exitCode !== 0) throw new Error("the model could not be written");
    const all = await FlashMoE.plan(await describeModel(model), { context: 4096 });
    const memoryBytes = Math.round(all.fullBytes - 0.75 * (all.fullBytes - all.minimumBytes));
    const limitBytes = Math.floor(1.05 * memoryBytes);
    const command = [process.execPath, import.meta.path, "--inside", model, String(memoryBytes)];
    const { exitCode, stdout, stderr, use } = await runInGroup(command, limitBytes);
    if (exitCode !== 0) throw new Error(`the engine ended with ${exitCode}: ${stderr.slice(-2000)}`);
    const told = JSON.parse(stdout) as Told;
    const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
    check(`${tokens} tokens inside the group`, told.tokens === tokens, `${told.tokens}`);
    check("the plan keeps to --memory", told.planBytes <= memoryBytes, `${mib(told.planBytes)} of ${mib(memoryBytes)}`);
    const growth = told.rssBytes.at(-1)! - told.rssBytes[0]!;
    check("nothing grows", growth <= growthMost, `${told.rssBytes.map(mib).join(", ")} held after each part`);
    check(
      "--memory plus 5 % is never exceeded",
      use.maxBytes < limitBytes,
      `${mib(use.maxBytes)} of ${mib(limitBytes)}, limit hit ${use.limitHits} times`,
    );
    check("no kill, no swap", use.outOfMemoryKills === 0 && use.swapBytes === 0, `${use.outOfMemoryKills} kills`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const given = process.argv.slice(2);
if (given[0] === "--inside") console.log(JSON.stringify(await generate(given[1]!, Number(given[2]))));
else if (!memoryGroupsWork()) {
  console.log("endurance: not run, it needs root and the memory cgroup (v1)");
  console.log("0 passed, 0 failed, 1 skipped");
} else {
  await main(given);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
