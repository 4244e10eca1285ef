/** plan, doctor, bench and tune through the executable: what they print, and that the numbers belong together. No speed is asserted. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchRow } from "../../src/bench/row.ts";
import type { RunResult } from "../../src/cli/run-result.ts";
import { flashmoe, flashmoeJson } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

setDefaultTimeout(120_000); // processes beside other work

const path = temporaryPaths();
const tiny = path("tiny-model");
/** 4 layers of 192 experts of 110,592 bytes: 81 MiB of experts, far more than what the process itself holds by chance. */
const wide = path("wide-model");

beforeAll(async () => {
  writeTinyCheckpoint(tiny);
  const shape = ["--layers", "4", "--experts", "192", "--expert-width", "512", "--vocab", "1024", "--hidden", "128"];
  await json(["synth", wide, ...shape]);
}, 60_000);

/** Without progress, which a busy machine may show. */
const quietly = (args: string[]) => flashmoe([...args, "--quiet"]);
const json = <T = Record<string, unknown>>(args: string[]) => flashmoeJson<T>([...args, "--quiet"]);

interface Plan {
  fits: boolean;
  memory: Record<string, number>;
  experts: { slots: number; of: number; record_bytes: number; bytes_per_token: number; total_bytes: number };
  prediction: null | {
    hit_rate: number;
    hit_rate_source: string;
    missed_bytes_per_token: number;
    read_ms: number;
    compute_ms: number;
    token_ms: number;
    tokens_per_s: number;
    binds: string;
  };
}

/** About half of the experts fit; plus what `bench` holds beyond `plan`, the suite's text above all. */
async function tightLimit(): Promise<number> {
  const { memory } = await json<Plan>(["plan", wide, "--memory", "1"]);
  expect(memory.full_bytes! - memory.minimum_bytes!).toBeGreaterThan(70 * 2 ** 20);
  return memory.minimum_bytes! + 56 * 2 ** 20;
}

describe("plan", () => {
  test("without a limit every expert has a slot and nothing is read", async () => {
    const { fits, memory, experts, prediction } = await json<Plan>(["plan", wide]);
    expect(fits).toBe(true);
    expect(experts.slots).toBe(experts.of);
    expect(experts.total_bytes).toBe(experts.of * experts.record_bytes);
    expect(memory.limit_bytes).toBe(0);
    expect(prediction).toMatchObject({ hit_rate: 1, missed_bytes_per_token: 0, read_ms: 0, binds: "compute" });
    expect(prediction!.tokens_per_s).toBeCloseTo(1000 / prediction!.token_ms, 6);
  });

  test("a limit leaves fewer slots, misses are their share, and the parts stay below it", async () => {
    const limit = await tightLimit();
    const { fits, memory, experts, prediction } = await json<Plan>(["plan", wide, "--memory", `${limit}`]);
    expect(fits).toBe(true);
    expect(experts.slots).toBeLessThan(experts.of);
    const parts = ["process", "dense", "kv", "state", "scratch", "slots"].map((name) => memory[`${name}_bytes`]!);
    expect(parts.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(limit);
    expect(prediction!.hit_rate_source).toBe("uniform");
    expect(prediction!.hit_rate).toBeCloseTo(experts.slots / experts.of, 10);
    expect(prediction!.missed_bytes_per_token).toBeCloseTo(experts.bytes_per_token * (1 - prediction!.hit_rate), 3);
    const { code, out, err } = await quietly(["plan", "-m", wide, "--memory", `${limit}`]);
    expect([code, err]).toEqual([0, ""]);
    const [, slots, of] = /: (\d+) of (\d+) experts/.exec(out)!;
    expect(Number(slots)).toBeLessThan(Number(of));
    expect(Number(of)).toBe(experts.of);
    expect(out).toMatch(/expected {5}[\d.]+ tok\/s \(K=\d+\); (disk|compute) binds/);
  });

  test("what does not fit is an answer with the number that would", async () => {
    const { fits, prediction } = await json<Plan>(["plan", wide, "--memory", "1MiB"]);
    expect([fits, prediction]).toEqual([false, null]);
    const { code, out } = await quietly(["plan", wide, "--memory", "1MiB"]);
    expect(code).toBe(0);
    expect(out).toContain("DOES NOT FIT");
    const least = Number(/the least is [\d.]+ \w+ \((\d+) bytes\)/.exec(out)![1]);
    const more = least + 12 * 2 ** 20; // what two processes may differ in
    const enough = await json<Plan>(["plan", wide, "--memory", `${more}`]);
    expect(enough.fits).toBe(true);
  });

  test("a longer context holds more and leaves experts less", async () => {
    const limit = await tightLimit();
    const of = (context: string) => json<Plan>(["plan", wide, "--memory", `${limit}`, "--context", context]);
    const [short, long] = [await of("64"), await of("2048")];
    expect(long.memory.kv_bytes).toBe(short.memory.kv_bytes! * 32);
    expect(long.experts.slots).toBeLessThan(short.experts.slots);
  });
});

describe("doctor", () => {
  test("reports the machine, and that its kernels are right", async () => {
    const report = await json<{
      cpu: { level: string; supported_levels: string[]; cores: number };
      gpu: null;
      library: { path: string; sha256: string };
      disk: { model: string; record_bytes: number; reader: string; bytes_per_s: number };
      memory_bytes_per_s: number;
      self_test: { level: string; positions: number; mean_kl: number; top1_agreement: number; passed: boolean };
    }>(["doctor", wide]);
    expect(report.cpu.supported_levels).toContain(report.cpu.level);
    expect(report.gpu).toBeNull();
    const hash = new Bun.CryptoHasher("sha256").update(readFileSync(report.library.path)).digest("hex");
    expect(report.library.sha256).toBe(hash);
    expect(["uring", "pread"]).toContain(report.disk.reader);
    expect(report.disk.bytes_per_s).toBeGreaterThan(0);
    expect(report.memory_bytes_per_s).toBeGreaterThan(0);
    expect(report.self_test).toMatchObject({ level: report.cpu.level, positions: 48, passed: true });
    const { code, out, err } = await quietly(["doctor", "-m", wide]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("gpu        none used");
    expect(out).toContain(hash.slice(0, 16));
    expect(out).toContain("kernels    right");
  });
});

describe("bench", () => {
  const small = ["-p", "24", "-n", "6"];

  test("measures every phase of every run by its own counters", async () => {
    const limit = await tightLimit();
    const { experts } = await json<Plan>(["plan", wide, "--memory", `${limit}`]);
    expect(experts.slots).toBeLessThan(experts.of);
    const run = ["bench", wide, ...small, "--runs", "2", "--random-ids", "--memory", `${limit}`];
    const { rows } = await json<{ rows: BenchRow[] }>(run);
    expect(rows.map(({ phase, cache, run, tokens }) => [phase, cache, run, tokens])).toEqual([
      ["prefill", "cold", 1, 24],
      ["decode", "warm", 1, 6],
      ["prefill", "warm", 2, 24],
      ["decode", "warm", 2, 6],
    ]);
    for (const row of rows) {
      const { stats } = row;
      expect(row.hit_rate).toBeCloseTo(stats.expert_hits / (stats.expert_hits + stats.expert_misses), 10);
      expect(stats.expert_bytes_read % experts.record_bytes).toBe(0);
      expect(row.bytes_per_token).toBeCloseTo(stats.expert_bytes_read / row.tokens, 6);
      expect(stats.memory_limit_bytes).toBe(limit);
      expect(stats.tokens_per_s).toBeGreaterThan(0);
    }
    const decodes = rows.filter(({ phase }) => phase === "decode");
    for (const { roofline, stats, tokens, bytes_per_token } of decodes) {
      // K experts of each layer for each token.
      expect((stats.expert_hits + stats.expert_misses) * experts.record_bytes).toBe(tokens * experts.bytes_per_token);
      expect(roofline!.missed_bytes).toBe(bytes_per_token);
      expect(roofline!.touched_bytes).toBeGreaterThan(experts.bytes_per_token);
      expect(roofline!.ratio).toBeCloseTo(roofline!.ideal_ms / roofline!.measured_ms, 10);
      expect(roofline!.measured_ms).toBeCloseTo((1000 * stats.decode_s) / tokens, 6);
    }
    expect(rows[0]!.roofline).toBeNull();
  });

  test("a sweep is written as CSV and drawn", async () => {
    const limit = await tightLimit();
    const limits = [limit, limit + 8 * 2 ** 20];
    const [csv, plot] = [path("rows.csv"), path("rows.svg")];
    const files = ["--csv", csv, "--plot", plot];
    const sweep = ["bench", wide, ...small, "--runs", "1", "--sweep", limits.join(","), ...files];
    const { code, out } = await quietly(sweep);
    expect(code).toBe(0);
    expect(out.split("\n").filter((line) => line.startsWith("decode"))).toHaveLength(2);
    const lines = readFileSync(csv, "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    const column = lines[0]!.split(",").indexOf("stats_memory_limit_bytes");
    expect(lines.slice(1).map((line) => Number(line.split(",")[column]))).toEqual(
      limits.flatMap((size) => [size, size]),
    );
    const drawing = readFileSync(plot, "utf8");
    expect(drawing).toStartWith("<svg ");
    expect(drawing.match(/<circle /g)).toHaveLength(4);
    expect(drawing).toContain("K=");
  });

  test.each(["prefetch", "hits-first"])("compares decode with and without %s, on the same output", async (name) => {
    const limit = await tightLimit();
    const flags = ["--compare", name, "--memory", `${limit}`, ...small, "--runs", "2", "--prefetch", "on"];
    const result = await json<{
      identical: boolean;
      ratio: number;
      ratios: number[];
      without: { hit_rate: number; predictor: { issued: number } };
      with: { hit_rate: number; predictor: { issued: number } };
    }>(["bench", wide, ...flags]);
    expect(result.identical).toBe(true);
    expect(result.ratios).toHaveLength(2);
    expect(result.ratio).toBeCloseTo((result.ratios[0]! + result.ratios[1]!) / 2, 10);
    expect(result.with.predictor.issued).toBeGreaterThan(0);
    if (name === "prefetch") expect(result.without.predictor.issued).toBe(0);
  });

  test("answers for the embedded model with prompts of the built-in suite", async () => {
    const { code, out } = await quietly(["bench", ...small, "--runs", "1"]);
    expect(code).toBe(0);
    expect(out).toStartWith("spark, K=8, 4-bit, ");
  });

  test("leaves no file behind that it could not fill", async () => {
    const folder = path("sweep");
    mkdirSync(folder);
    const csv = join(folder, "rows.csv");
    const { code } = await quietly(["bench", wide, ...small, "--memory", "1MiB", "--csv", csv]);
    expect([code, existsSync(csv), readdirSync(folder)]).toEqual([2, false, []]);
  });
});

describe("a trace", () => {
  const trace = path("trace");
  const timeline = path("timeline.json");

  test("is recorded, drawn and replayed: no policy beats the best, everything resident hits always", async () => {
    const run = [
      "bench",
      wide,
      "-p",
      "24",
      "-n",
      "40",
      "--runs",
      "1",
      "--random-ids",
      "--memory",
      `${await tightLimit()}`,
    ];
    const { rows } = await json<{ rows: BenchRow[] }>([...run, "--trace", trace, "--perfetto", timeline]);
    const { stats } = rows.find(({ phase }) => phase === "decode")!;
    const { traceEvents } = JSON.parse(readFileSync(timeline, "utf8")) as {
      traceEvents: { name: string; ph: string }[];
    };
    // 4 layers of 40 decode steps and of a prompt's.
    expect(traceEvents.filter(({ name, ph }) => ph === "X" && name.startsWith("layer ")).length).toBeGreaterThanOrEqual(
      164,
    );

    const csv = path("replay.csv");
    interface Score {
      policy: string;
      share: number;
      slots: number;
      accesses: number;
      hits: number;
      hit_rate: number;
    }
    const replayed = await json<{
      layers: number;
      experts: number;
      experts_per_token: number;
      scores: Score[];
    }>(["bench", "--replay", trace, "--csv", csv]);
    expect(replayed).toMatchObject({ layers: 4, experts: 192, experts_per_token: 4 });
    for (const score of replayed.scores) {
      expect(score.accesses).toBe(stats.expert_hits + stats.expert_misses);
      expect(score.hit_rate).toBeCloseTo(score.hits / score.accesses, 10);
      expect(score.share).toBeCloseTo(score.slots / (4 * 192), 10);
      const best = replayed.scores.find(({ policy, slots }) => policy === "belady" && slots === score.slots)!;
      expect(score.hits).toBeLessThanOrEqual(best.hits);
    }
    expect(readFileSync(csv, "utf8").trimEnd().split("\n")).toHaveLength(replayed.scores.length + 1);
    const { code, out, err } = await quietly(["bench", "--replay", trace]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("4 layers of 192 experts, K=4");
    expect(out).toContain("belady");
  });

  test("of prompts alone has no decode to score", async () => {
    const prompts = path("prompts");
    const run = ["bench", wide, "-p", "24", "-n", "0", "--runs", "1", "--random-ids", "--trace", prompts];
    await json(run);
    const { code, err } = await quietly(["bench", "--replay", prompts]);
    expect(code).toBe(2);
    expect(err).toContain("no step of a single token");
  });
});

describe("tune", () => {
  test("saves what it measured, plan and run use it, --no-tuned does not", async () => {
    const limit = await tightLimit();
    const trials = ["--random-ids", "-p", "16", "-n", "4", "--runs", "1", "--heads-seconds", "0"];
    const run = ["tune", wide, ...trials, "--memory", `${limit}`];
    const tuned = await json<{
      path: string;
      options: Record<string, unknown>;
      stages: { name: string; settings: { setting: string; identical: boolean; chosen: boolean; gain: number }[] }[];
      measured: { compute_ms: number; hit_curve: { share: number; hit_rate: number }[]; disk_bytes_per_s: number };
    }>(run);
    expect(tuned.stages.map(({ name }) => name)).toContain("prefetch");
    for (const { settings } of tuned.stages) {
      expect(settings.every(({ identical }) => identical)).toBe(true);
      expect(settings.filter(({ chosen }) => chosen).length).toBe(settings.length > 0 ? 1 : 0);
      for (const { chosen, gain, setting } of settings)
        if (chosen && setting !== "default") expect(gain).toBeGreaterThan(1.03);
    }
    const saved = JSON.parse(readFileSync(tuned.path, "utf8")) as { options: unknown; measured: unknown };
    expect(saved.options).toEqual(tuned.options);
    expect(saved.measured).toEqual(tuned.measured);
    const curve = tuned.measured.hit_curve.map((point) => point.hit_rate);
    expect(curve.length).toBeGreaterThan(8);
    expect(curve.at(-1)!).toBeGreaterThan(curve[0]!);

    const { prediction } = await json<Plan>(["plan", wide, "--memory", `${limit}`]);
    expect(prediction).toMatchObject({ hit_rate_source: "recorded", compute_source: "measured" });
    expect(prediction!.compute_ms).toBe(tuned.measured.compute_ms);
    const ids = ["run", "-m", wide, "--token-ids", "1,2,3", "-n", "3", "--temperature", "0", "--ignore-eos"];
    const [with_, without] = [await json<RunResult>(ids), await json<RunResult>([...ids, "--no-tuned"])];
    expect([with_.stats.tuned, without.stats.tuned]).toEqual([true, false]);
    expect(with_.tokens).toEqual(without.tokens);
    const said = await flashmoe([...ids, "--debug"]);
    expect(said.err).toContain(`(${tuned.path})`);

    writeFileSync(tuned.path, '{"version":1}');
    const damaged = await quietly(ids);
    expect(damaged.code).toBe(1);
    expect(damaged.err).toContain("cannot be used");
    expect(damaged.err).toContain("--no-tuned");
    rmSync(tuned.path);
  });

  test("trains heads; every command that streams the model uses them, and a damaged file is told and left out", async () => {
    interface Heads {
      path: string | null;
      note: string | null;
      tokens: number;
      steps: number;
      recall: Record<string, number> | null;
    }
    const tune = ["tune", wide, "--random-ids", "-p", "16", "-n", "4", "--runs", "1", "--threads", "1"];
    // Nothing is guessed where every expert stays in memory.
    const resident = await json<{ heads: Heads }>(tune);
    expect(resident.heads).toMatchObject({ path: null, tokens: 0, recall: null });
    expect(resident.heads.note).toContain("--heads-seconds");

    const { heads, path: saved } = await json<{ heads: Heads; path: string }>([...tune, "--heads-seconds", "8"]);
    expect(heads.note).toBeNull();
    expect(heads.tokens).toBeGreaterThan(1024);
    expect(heads.steps).toBeGreaterThanOrEqual(100);
    expect(heads.recall!.heads!).toBeGreaterThan(heads.recall!.router!);
    const bytes = readFileSync(heads.path!);

    const limit = await tightLimit();
    const { memory } = await json<Plan>(["plan", wide, "--memory", `${limit}`]);
    const { memory: without } = await json<Plan>(["plan", wide, "--memory", `${limit}`, "--no-heads"]);
    expect([memory.heads_bytes, without.heads_bytes]).toEqual([bytes.length, 0]);
    expect(memory.scratch_bytes! - without.scratch_bytes!).toBeGreaterThanOrEqual(bytes.length);
    const report = await json<{ heads: { path: string; bytes: number } | null }>(["doctor", wide]);
    expect(report.heads).toEqual({ path: heads.path!, bytes: bytes.length });

    const ids = ["run", "-m", wide, "--token-ids", "1,2,3", "-n", "24", "--temperature", "0", "--ignore-eos"];
    const streamed = [...ids, "--memory", `${limit}`, "--prefetch", "on"];
    const plain = await json<RunResult>([...streamed, "--no-heads"]);
    expect((await json<RunResult>(streamed)).tokens).toEqual(plain.tokens);
    const notes = async (args: string[]) => (await flashmoe([...args, "--debug"])).err;
    expect(await notes(streamed)).toContain(`heads: ${heads.path}`);
    expect(await notes([...streamed, "--no-heads"])).not.toContain("heads:");
    expect(await notes([...streamed, "--no-tuned"])).not.toContain("heads:");

    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(heads.path!, bytes);
    const damaged = await flashmoe([...streamed, "--json"]);
    expect(damaged.code).toBe(0);
    expect(damaged.err).toContain(`${heads.path} cannot be used: its checksum is wrong: the file is damaged`);
    expect(damaged.err).toContain("going on without");
    expect((JSON.parse(damaged.out) as RunResult).tokens).toEqual(plain.tokens);
    rmSync(heads.path!);
    rmSync(saved);
  });
});
