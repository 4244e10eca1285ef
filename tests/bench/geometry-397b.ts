/**
 * The true geometry of 397B-A17B (60 layers, 512 experts, records of 7,077,888 bytes) under a real memory limit of 12.6 GiB:
 * is it read at the speed of the disk, as many bytes as the formula says, and never more memory than the limit? The layers
 * take their experts from a few sets (`synth --packed --share-experts`). docs/benchmarks.md has the method.
 * usage: npm run bench:geometry -- [--model DIR] [--sets N] [--tokens N]   needs root and the memory cgroup (v1)
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createFiller, createPacker, type EngineOptions } from "../../src/engine/index.ts";
import { planPackedSynth, writePackedSynth } from "../../src/models/synth-packed.ts";
import { synthOptions } from "../../src/models/synth-shape.ts";
import type { EngineRun, EngineRunRequest } from "./engine-run.ts";
import { dropPageCache, memoryGroupsWork, runInGroup } from "./memory-group.ts";

const GIB = 2 ** 30;
const memoryBytes = 12 * GIB;
const limitBytes = Math.floor(12.6 * GIB);
const layers = 60;
const experts = 512;
const recordBytes = 7_077_888;
const rooflineLeast = 0.9;

const { values: flags } = parseArgs({
  options: {
    /** Kept when it is named; made where it does not exist. */
    model: { type: "string" },
    sets: { type: "string", default: "4" },
    tokens: { type: "string", default: "64" },
    prompt: { type: "string", default: "4" },
    options: { type: "string", default: "{}" },
  },
});

let failed = 0;
let passed = 0;
function check(what: string, good: boolean, seen: string): void {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "ok    " : "FAILED"} ${what}: ${seen}`);
}

async function run(model: string, expertsPerToken: number): Promise<void> {
  const tokens = Number(flags.tokens);
  const threads = availableParallelism();
  const options: EngineOptions = { memoryBytes, expertsPerToken, threads, ...JSON.parse(flags.options) };
  const request: EngineRunRequest = { model, options, promptTokens: Number(flags.prompt), decodeTokens: tokens };
  dropPageCache();
  const command = [process.execPath, join(import.meta.dir, "engine-run.ts"), JSON.stringify(request)];
  const { exitCode, stdout, stderr, use } = await runInGroup(command, limitBytes);
  if (exitCode !== 0) throw new Error(`flashmoe ended with ${exitCode}: ${stderr.slice(-2000)}`);
  const { decode, experts: record, memory, rooflines, touchedBytesPerToken, reader } = JSON.parse(stdout) as EngineRun;
  const gib = (bytes: number) => `${(bytes / GIB).toFixed(3)} GiB`;
  const named = (what: string) => `K=${expertsPerToken}: ${what}`;

  const touched = decode.hits + decode.misses;
  check(
    named("experts touched are tokens x layers x K"),
    touched === tokens * layers * expertsPerToken,
    `${touched}, hit rate ${((100 * decode.hits) / touched).toFixed(1)} % with ${memory.slots} slots for ${layers * experts} experts`,
  );
  // What a guess read in time is a hit that was read; guesses across the ends of the phase are not attributed.
  const needed = (decode.bytesRead - decode.wastedBytes) / recordBytes;
  const expected = decode.misses + decode.prefetchUsed;
  check(
    named("bytes needed are (misses + guesses used) x record"),
    record.recordBytes === recordBytes && Math.abs(needed - expected) <= 2 * expertsPerToken,
    `${needed} records of ${record.recordBytes} bytes for ${expected}, ${(decode.bytesRead / decode.tokens / 1e9).toFixed(3)} GB a token`,
  );
  const wasted = `${((100 * decode.wastedBytes) / decode.bytesRead).toFixed(2)} % of the bytes read were not needed`;
  check(
    named("highest use stays below 1.05 x --memory"),
    use.maxBytes <= limitBytes,
    `${gib(use.maxBytes)}, limit hit ${use.limitHits} times`,
  );
  check(named("no swap, no kill"), use.swapBytes === 0 && use.outOfMemoryKills === 0, `${use.swapBytes} bytes of swap`);
  const disk = (decode.bytesRead - decode.wastedBytes) / decode.tokens / rooflines.diskBytesPerS;
  const ideal = Math.max(disk, touchedBytesPerToken / rooflines.memoryBytesPerS);
  const roofline = ideal / (decode.seconds / decode.tokens);
  check(
    named(`at least ${rooflineLeast} of the roofline`),
    roofline >= rooflineLeast,
    `${roofline.toFixed(3)}; ${(decode.tokens / decode.seconds).toFixed(3)} tok/s, p50 ${decode.p50Ms.toFixed(0)} ms, p99 ${decode.p99Ms.toFixed(0)} ms, ` +
      `B_disk ${(rooflines.diskBytesPerS / 1e6).toFixed(0)} MB/s, B_mem ${(rooflines.memoryBytesPerS / 1e9).toFixed(1)} GB/s, ${reader}, ${wasted}`,
  );
}

async function main(): Promise<void> {
  const scratch =
    flags.model === undefined ? mkdtempSync(join(process.env.FLASHMOE_SCALE_DIR ?? tmpdir(), "flashmoe-397b-")) : null;
  const model = flags.model ?? join(scratch!, "model");
  try {
    if (!existsSync(model)) {
      const plan = planPackedSynth(synthOptions("qwen3.5-397b-a17b", {}), Number(flags.sets));
      console.log(
        `writing ${(plan.totalBytes / GIB).toFixed(1)} GiB, ${flags.sets} sets of experts for ${layers} layers`,
      );
      await writePackedSynth(plan, model, { fill: await createFiller(), pack: await createPacker() });
    }
    for (const expertsPerToken of [10, 4]) await run(model, expertsPerToken);
  } finally {
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (memoryGroupsWork()) await main();
else {
  console.log("the geometry of 397B: not run, it needs root and the memory cgroup (v1)");
  console.log("0 passed, 0 failed, 1 skipped");
}
