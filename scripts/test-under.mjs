// Runs the native tests in slow ways (scripts/lib/ways.mjs): node scripts/test-under.mjs [WAY...] [--rooms a,b]
// [--divisor N]; no WAY: all of them. What is built and run for all ways goes through one queue; .ci/run calls it.
// Every way is ten to fifty times slower than running natively: tests of random cases make 1/N of them.
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { zigBuildBeside } from "./lib/native.mjs";
import { runTests } from "./lib/native-tests.mjs";
import { main, Problem, root, say } from "./lib/project.mjs";
import { runQueue } from "./lib/queue.mjs";
import { summaryLine, total } from "./lib/tally.mjs";
import { ways } from "./lib/ways.mjs";

/** The way of that name with the choices of the command line, its rooms by name, and no tallies yet. */
function choose(name, { rooms, divisor }) {
  const way = ways[name];
  if (way === undefined) throw new Problem(`unknown way ${name}; known: ${Object.keys(ways).join(", ")}`);
  const all = readdirSync(join(root, "zig")).flatMap((file) => /^tests_(\w+)\.zig$/.exec(file)?.[1] ?? []);
  const wanted = rooms?.split(",") ?? Object.keys(way.seconds);
  const unknown = wanted.filter((room) => !all.includes(room));
  if (unknown.length > 0) throw new Problem(`unknown room ${unknown.join(", ")}; known: ${all.join(", ")}`);
  const prefix = `zig-out/under-${way.target ?? "host"}${way.sanitizeThread ? "-tsan" : ""}`;
  return { ...way, name, rooms: wanted, divisor: divisor ?? way.divisor, prefix, tallies: [] };
}

/** Builds what `sharing`, ways with one prefix, need; resolves to the jobs that run it. */
function buildJob(sharing, cores) {
  const [{ prefix, target, sanitizeThread }] = sharing;
  const rooms = new Set(sharing.flatMap((way) => way.rooms));
  const run = async () => {
    try {
      await zigBuildBeside([
        ...["test-binaries", `-j${cores}`, "--prefix", prefix],
        ...(target ? [`-Dtarget=${target}`] : []),
        ...(sanitizeThread ? ["-Dsanitize-thread"] : []),
        ...[...rooms].map((room) => `-Droom=${room}`),
      ]);
    } catch (problem) {
      say(`--- ${sharing.map((way) => way.name).join(", ")}: ${problem.message}`);
      for (const way of sharing) way.tallies.push({ passed: 0, failed: 1, skipped: 0, seconds: 0 });
      return [];
    }
    say(`${prefix} is built`);
    return sharing.flatMap((way) => way.rooms.map((room) => testJob(way, room)));
  };
  return { seconds: Infinity, run };
}

function testJob(way, room) {
  const options = {
    wrapper: way.wrapper,
    label: way.name,
    env: { ...way.env, FLASHMOE_TEST_DIVISOR: `${way.divisor}` },
  };
  const run = async () => {
    way.tallies.push(await runTests(join(root, way.prefix, `tests/tests_${room}`), options));
  };
  return { seconds: way.seconds[room] ?? 0, run };
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { rooms: { type: "string" }, divisor: { type: "string" } },
  });
  const chosen = (positionals.length > 0 ? positionals : Object.keys(ways)).map((name) => choose(name, values));
  const prefixes = [...new Set(chosen.map((way) => way.prefix))];
  const cores = Math.max(1, Math.floor(availableParallelism() / prefixes.length));
  const sharing = prefixes.map((prefix) => chosen.filter((way) => way.prefix === prefix));
  await runQueue(sharing.map((them) => buildJob(them, cores)));
  // Seconds of one core each: the ways run beside each other.
  for (const { name, tallies } of chosen) {
    const seconds = tallies.reduce((sum, tally) => sum + tally.seconds, 0);
    console.log(`${name}: ${summaryLine(total(tallies))} in ${Math.round(seconds)} s`);
  }
  const sum = total(chosen.flatMap(({ tallies }) => tallies));
  console.log(summaryLine(sum));
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
});
