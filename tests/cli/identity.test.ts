/**
 * Placement never changes output: on one CPU level, memory, threads, page cache, direct reads and restarts give the same
 * bits. Chunk sizes may change low bits; the bound is stated here and held.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { NpyReader } from "../../src/cli/npy.ts";
import type { RunResult } from "../../src/cli/run-result.ts";
import { type CpuLevelName, cpuInfo, type EngineOptions, FlashMoE } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import type { ModelDescription } from "../../src/models/description.ts";
import { flashmoe, flashmoeJson } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";

const path = temporaryPaths();
const directory = path("model");
/** The scalar level is a reference, not a pleasure: it gets less to do. */
const lengthOn = (level: CpuLevelName | undefined) => (level === "scalar" ? 36 : 70);
const prompt = Array.from({ length: 70 }, (_, i) => (i * 37 + 11) % 1024);
const levels = (await cpuInfo()).supportedLevels;
const best = levels.at(-1)!;
/** What two opens may differ in by what the process itself holds. */
const slack = 12 * 2 ** 20;

let description: ModelDescription;
/** Expert bytes of the model: tight and middle must leave most or some of them out. */
let expertBytes: number;

beforeAll(async () => {
  // 4 layers of 192 experts of 110,592 bytes: 81 MiB of experts, far more than the slack.
  const shape = ["--layers", "4", "--experts", "192", "--expert-width", "512", "--vocab", "1024", "--hidden", "128"];
  await flashmoeJson(["synth", directory, ...shape]);
  description = await describeModel(directory);
  expertBytes = (await FlashMoE.plan(description, { context: 256 })).expertTotalBytes;
}, 120_000);

interface Observed {
  logits: Float32Array;
  tokens: number[];
  readBytes: number;
  slots: number;
}

/** Logits of every prompt position, then greedy tokens, by a fresh engine. */
async function observe(options: EngineOptions): Promise<Observed> {
  await using model = await FlashMoE.open(description, { context: 256, chunkTokens: 32, ...options });
  await using session = await model.createSession();
  const rows: Float32Array[] = [];
  for await (const row of session.logits(prompt.slice(0, lengthOn(options.cpuLevel)))) rows.push(row);
  const tokens: number[] = [];
  for await (const token of session.generate({ prompt: [5], maxTokens: lengthOn(options.cpuLevel) / 2 }))
    tokens.push(token.id);
  const { expertBytesRead } = await model.stats();
  return {
    logits: Float32Array.from(rows.flatMap((row) => [...row])),
    tokens,
    readBytes: expertBytesRead,
    slots: model.plan.slotCount,
  };
}

type Memory = "tight" | "middle" | "all";

async function memoryBytes(memory: Memory, options: EngineOptions): Promise<number | undefined> {
  if (memory === "all") return undefined;
  Bun.gc(true); // what this process holds by chance is part of the plan
  const { minimumBytes } = await FlashMoE.plan(description, { context: 256, chunkTokens: 32, ...options });
  return minimumBytes + slack + (memory === "middle" ? (expertBytes * 3) / 8 : 0);
}

const sameBits = (a: Float32Array, b: Float32Array) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));

/** Takes the model's files out of the page cache; false where the system cannot, or did not. */
function chill(): boolean {
  const files = description.files.map((file) => file.path);
  for (const file of files) {
    const { exitCode } = Bun.spawnSync(["dd", `if=${file}`, "iflag=nocache", "count=0", "status=none"]);
    if (exitCode !== 0) return false;
  }
  const fincore = Bun.spawnSync(["fincore", "--bytes", "--noheadings", "--output", "RES", ...files]);
  return (
    fincore.exitCode === 0 &&
    fincore.stdout
      .toString()
      .split(/\s+/)
      .every((bytes) => Number(bytes) === 0)
  );
}

describe.each(levels.map((level) => [level] as [CpuLevelName]))("on %s", (cpuLevel) => {
  test("three memory sizes, one and two threads give the same logits and tokens", async () => {
    const reference = await observe({ cpuLevel, threads: 1 });
    expect(new Set(reference.tokens).size).toBeGreaterThan(3);
    const readBytes: number[] = [];
    const slots: number[] = [];
    for (const memory of ["tight", "middle", "all"] as const) {
      for (const threads of [1, 2]) {
        const options = { cpuLevel, threads };
        const seen = await observe({ ...options, memoryBytes: await memoryBytes(memory, options) });
        expect(sameBits(seen.logits, reference.logits), `logits at ${memory}, ${threads} threads`).toBe(true);
        expect(seen.tokens).toEqual(reference.tokens);
        readBytes.push(seen.readBytes);
        slots.push(seen.slots);
      }
    }
    // The sizes did make a difference, only not to the output: two runs each of tight, middle and all.
    expect(Math.max(slots[0]!, slots[1]!)).toBeLessThan(Math.min(slots[2]!, slots[3]!));
    expect(Math.max(slots[2]!, slots[3]!)).toBeLessThan(Math.min(slots[4]!, slots[5]!));
    expect(Math.min(readBytes[0]!, readBytes[1]!)).toBeGreaterThan(Math.max(readBytes[4]!, readBytes[5]!));
  });
});

describe("reading", () => {
  test("cold or warm, direct or through the page cache: the same logits and tokens", async () => {
    const reference = await observe({ cpuLevel: best });
    const canChill = chill(); // not on every file system, and not without the tools
    let cold = 0;
    for (const memory of ["tight", "all"] as const) {
      for (const directIo of [true, false]) {
        for (const warm of [false, true]) {
          if (!warm && chill()) cold += 1;
          const options = { cpuLevel: best, directIo };
          const seen = await observe({ ...options, memoryBytes: await memoryBytes(memory, options) });
          const name = `${memory}, ${directIo ? "direct" : "buffered"}, ${warm ? "warm" : "cold"}`;
          expect(sameBits(seen.logits, reference.logits), name).toBe(true);
          expect(seen.tokens, name).toEqual(reference.tokens);
        }
      }
    }
    expect(cold).toBe(canChill ? 4 : 0);
  });
});

describe("chunks", () => {
  /**
   * In standard deviations of the logits. Measured here: up to 7 tokens nothing at all, from the chunkwise form of the
   * delta net on 1.1e-3 with SIMD. The scalar reference has one form only.
   */
  const bounds = { scalar: 0, otherwise: 4e-3 };

  /** Largest difference of a logit, in standard deviations of the logits. */
  function distance(a: Float32Array, b: Float32Array): number {
    let worst = 0;
    let sum = 0;
    let squares = 0;
    for (const [index, value] of a.entries()) {
      worst = Math.max(worst, Math.abs(value - b[index]!));
      sum += value;
      squares += value * value;
    }
    return worst / Math.sqrt(squares / a.length - (sum / a.length) ** 2);
  }

  test.each(levels.map((level) => [level] as [CpuLevelName]))(
    "of 1, 7, 64 and 512 tokens differ in low bits at most, on %s",
    async (cpuLevel) => {
      const bound = cpuLevel === "scalar" ? bounds.scalar : bounds.otherwise;
      const reference = await observe({ cpuLevel, chunkTokens: 1 });
      for (const chunkTokens of [7, 64, 512]) {
        const seen = await observe({ cpuLevel, chunkTokens });
        const measured = distance(reference.logits, seen.logits);
        expect(measured, `chunks of ${chunkTokens}`).toBeLessThanOrEqual(bound);
        expect(seen.tokens).toEqual(reference.tokens);
      }
    },
  );
});

describe("through the executable", () => {
  const ids = prompt.slice(0, 24).join(",");

  test("eval logits writes the same file at three memory sizes", async () => {
    const write = async (...args: string[]) => {
      const output = path("logits.npy");
      const { code, err } = await flashmoe([
        "eval",
        "logits",
        directory,
        "--token-ids",
        ids,
        "--output",
        output,
        "--quiet",
        ...args,
      ]);
      return { code, err, output };
    };
    const whole = await write();
    const small = await write("--memory", "1MiB");
    expect(small.code).toBe(2);
    const minimum = Number(/\((\d+) bytes\)/.exec(small.err)?.[1]) + slack;
    for (const bytes of [minimum, minimum + Math.round(expertBytes / 8)]) {
      for (const threads of ["1", "2"]) {
        const { code, output } = await write("--memory", String(bytes), "--threads", threads);
        expect(code).toBe(0);
        expect(await Bun.file(output).bytes()).toEqual(await Bun.file(whole.output).bytes());
      }
    }
    const reader = new NpyReader(whole.output);
    expect([reader.rows, reader.cols]).toEqual([24, 1024]);
    reader.close();
    const run = (...args: string[]) =>
      flashmoeJson<RunResult>([
        "run",
        "-m",
        directory,
        "--token-ids",
        ids,
        "-n",
        "16",
        "--temperature",
        "0",
        "--ignore-eos",
        ...args,
      ]);
    const all = await run();
    const tight = await run("--memory", String(minimum), "--threads", "1", "--no-direct-io", "--logprobs", "0");
    expect(tight.tokens).toEqual(all.tokens);
    expect(Number(tight.stats.expert_bytes_read)).toBeGreaterThan(Number(all.stats.expert_bytes_read));
  });
});
