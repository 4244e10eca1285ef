/**
 * `plan`'s prediction held against `bench`: for each memory limit the speed that was said before and the one measured
 * right after it. Run by hand, on a machine that does nothing else.
 * usage: node scripts/bun.mjs tests/bench/plan.ts MODEL SIZES [--text FILE | --random-ids] [--runs 2] [--tokens 64]
 *        [--tuned] [--engine dist/flashmoe]        SIZES like 2GiB,4GiB,8GiB
 */
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    text: { type: "string" },
    "random-ids": { type: "boolean", default: false },
    runs: { type: "string", default: "2" },
    tokens: { type: "string", default: "64" },
    prompt: { type: "string", default: "64" },
    tuned: { type: "boolean", default: false },
    engine: { type: "string" },
  },
});
const [model, sizes] = positionals;
if (model === undefined || sizes === undefined || positionals.length > 2)
  throw new Error("MODEL and SIZES are needed; the head of tests/bench/plan.ts says what it takes");

const root = join(import.meta.dir, "../..");
const engine =
  flags.engine === undefined ? [process.execPath, "--no-env-file", join(root, "src/main.ts")] : [flags.engine];

interface Planned {
  prediction: { tokens_per_s: number; hit_rate: number; read_ms: number; compute_ms: number; binds: string };
}

interface Row {
  phase: string;
  hit_rate: number;
  tokens: number;
  roofline: { ratio: number } | null;
  stats: { tokens_per_s: number; token_ms_p50: number; decode_s: number; read_wait_s: number };
}

function call<T>(args: string[]): T {
  const child = Bun.spawnSync([...engine, ...args, "--json", "--quiet"], { stdin: "ignore", stderr: "inherit" });
  if (child.exitCode !== 0) throw new Error(`flashmoe ${args.join(" ")} ended with ${child.exitCode}`);
  return JSON.parse(child.stdout.toString()) as T;
}

const prompts = [...(flags["random-ids"] ? ["--random-ids"] : []), ...(flags.text ? ["--text", flags.text] : [])];
const amount = ["--runs", flags.runs, "-n", flags.tokens, "-p", flags.prompt];
let worst = 0;
console.log(
  [
    "memory",
    "predicted",
    "measured",
    "off",
    "hits said",
    "hits",
    "read ms",
    "compute ms",
    "measured ms",
    "wait ms",
  ].join("\t"),
);
for (const size of sizes.split(",")) {
  const common = [model, "--memory", size, ...(flags.tuned ? [] : ["--no-tuned"])];
  const { prediction: said } = call<Planned>(["plan", ...common]);
  const { rows } = call<{ rows: Row[] }>(["bench", ...common, ...amount, ...prompts]);
  // The last run: its cache is warm.
  const seen = rows.filter((row) => row.phase === "decode").at(-1)!;
  const off = said.tokens_per_s / seen.stats.tokens_per_s - 1;
  worst = Math.max(worst, Math.abs(off));
  const each = (seconds: number) => ((1000 * seconds) / seen.tokens).toFixed(1);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  console.log(
    [
      size,
      said.tokens_per_s.toFixed(2),
      seen.stats.tokens_per_s.toFixed(2),
      percent(off),
      percent(said.hit_rate),
      percent(seen.hit_rate),
      said.read_ms.toFixed(1),
      said.compute_ms.toFixed(1),
      each(seen.stats.decode_s),
      each(seen.stats.read_wait_s),
    ].join("\t"),
  );
}
console.log(`worst ${(100 * worst).toFixed(1)} %`);
process.exitCode = worst <= 0.2 ? 0 : 1;
