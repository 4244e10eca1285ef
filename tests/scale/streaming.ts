/**
 * The product's main promise at scale: a model several times larger than the memory it may use runs inside a real
 * memory limit that counts page cache, and its statistics agree with the kernel's read counters.
 * usage: streaming.ts ENGINE...   needs root, the memory cgroup (v1) and 9 GiB of disk; prints "N passed, N failed".
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const GIB = 2 ** 30;
const cgroupRoot = "/sys/fs/cgroup/memory";
/** 16 layers of the 35B-A3B shape: 6.75 GiB of experts. */
const shape = ["--shape", "qwen3.5-35b-a3b", "--layers", "16", "--vocab", "32768"];
const memoryLimitBytes = 1.5 * GIB;
const groupLimitBytes = Math.floor(1.6 * GIB);
const tokens = 256;
const prompt = Array.from({ length: 32 }, (_, i) => (i * 7919 + 13) % 32768);

interface RunResult {
  exitCode: number;
  /** Bytes the kernel read from the disk for the process. */
  kernelBytes: number;
  output: { tokens: number[]; stats: { expert_bytes_read: number; tokens_per_s: number; peak_rss_bytes: number } };
}

const checks: { what: string; good: boolean; seen: string }[] = [];
function check(what: string, good: boolean, seen: string): void {
  checks.push({ what, good, seen });
  console.log(`${good ? "ok    " : "FAILED"} ${what}: ${seen}`);
}

async function run(engine: string[], model: string, extra: string[], group: string | null): Promise<RunResult> {
  const flags = ["--token-ids", prompt.join(","), "--ignore-eos", "--temperature", "0", "--json", "--quiet"];
  const command = [...engine, "run", "--model", model, ...flags, ...extra];
  // A process enters the group before it becomes the engine, so that every byte it holds is counted.
  const entered =
    group === null ? command : ["sh", "-c", `echo $$ > ${group}/cgroup.procs && exec "$@"`, "sh", ...command];
  const child = Bun.spawn(entered, { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  const text = await new Response(child.stdout).text();
  const exitCode = await child.exited;
  if (exitCode !== 0) throw new Error(`flashmoe ended with ${exitCode}`);
  return { exitCode, kernelBytes: (child.resourceUsage()?.ops.in ?? 0) * 512, output: JSON.parse(text) };
}

function denseBytes(engine: string[], model: string): number {
  const shown = Bun.spawnSync([...engine, "show", model, "--json"]);
  return (JSON.parse(shown.stdout.toString()) as { bytes: { resident: number } }).bytes.resident;
}

async function main(engine: string[]): Promise<void> {
  const work = mkdtempSync(join(process.env.FLASHMOE_SCALE_DIR ?? tmpdir(), "flashmoe-scale-"));
  const group = `${cgroupRoot}/flashmoe-scale-${process.pid}`;
  try {
    const model = join(work, "model");
    const written = Bun.spawnSync([...engine, "synth", model, ...shape, "--quiet"], { stderr: "inherit" });
    if (written.exitCode !== 0) throw new Error("the model could not be written");
    mkdirSync(group);
    writeFileSync(`${group}/memory.limit_in_bytes`, String(groupLimitBytes));
    const limit = ["--memory", String(memoryLimitBytes)];
    const capped = await run(engine, model, ["-n", String(tokens), ...limit], group);
    const { stats } = capped.output;
    const used = Number(readFileSync(`${group}/memory.max_usage_in_bytes`, "utf8"));
    const ours = stats.expert_bytes_read + denseBytes(engine, model);
    const off = Math.abs(capped.kernelBytes - ours) / capped.kernelBytes;
    const gib = (bytes: number) => `${(bytes / GIB).toFixed(3)} GiB`;
    check(
      `${tokens} tokens inside the group`,
      capped.output.tokens.length === tokens,
      `${stats.tokens_per_s.toFixed(2)} tok/s`,
    );
    check("the group's highest use stays within --memory", used <= memoryLimitBytes, gib(used));
    check(
      "statistics match the kernel's counter within 1 %",
      off < 0.01,
      `${gib(ours)} of ${gib(capped.kernelBytes)}, ${(100 * off).toFixed(2)} % off`,
    );
    const roomy = await run(engine, model, ["-n", "24", "--memory", String(4 * GIB), "--threads", "1"], null);
    const same = roomy.output.tokens.every((token, i) => token === capped.output.tokens[i]);
    check("the same tokens with 4 GiB and one thread", same, `${roomy.output.tokens.length} tokens compared`);
  } finally {
    rmSync(work, { recursive: true, force: true });
    if (existsSync(group)) rmdirSync(group);
  }
}

const free = statfsSync(process.env.FLASHMOE_SCALE_DIR ?? tmpdir());
if (
  process.getuid?.() !== 0 ||
  !existsSync(`${cgroupRoot}/memory.limit_in_bytes`) ||
  free.bavail * free.bsize < 9 * GIB
) {
  console.log("streaming at scale: not run, it needs root, the memory cgroup (v1) and 9 GiB of disk");
  console.log("0 passed, 0 failed, 1 skipped");
} else {
  await main(process.argv.slice(2));
  const failed = checks.filter(({ good }) => !good).length;
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
