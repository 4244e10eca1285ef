/**
 * `cycles-child.ts DIRECTORY COUNT`: opens, loads, steps and closes COUNT engines after a warm-up, and prints what stayed
 * behind as JSON. A process of its own, so that nothing else moves its memory; run it with MALLOC_ARENA_MAX=1, as glibc's
 * arenas per thread fragment by some megabytes without anything being lost.
 */
import { readdirSync } from "node:fs";
import { encodeDescription } from "../../src/engine/descriptor.ts";
import { describeModel } from "../../src/models/describe.ts";
import { Result, Stats } from "../../src/native/bindings.gen.ts";
import { allocate, readStruct } from "../../src/native/layout.ts";
import { loadNative } from "../../src/native/library.ts";
import { openRawEngine, openRawSession, rawArena } from "./raw-engine.ts";

const [directory = "", count = ""] = process.argv.slice(2);
const native = await loadNative();
const description = encodeDescription(await describeModel(directory));
const stats = allocate(Stats.size);

const openFiles = (): number => (process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0);

function cycle(): void {
  const engine = openRawEngine(native, description);
  const session = openRawSession(native, engine);
  const arena = rawArena(session, [1, 2, 3]);
  native.check("fm_engine_step", engine, arena, arena.byteLength, 1);
  native.check("fm_engine_stats", engine, stats);
  native.check("fm_session_close", session);
  native.check("fm_engine_close", engine);
  if (native.call("fm_session_close", session) !== Result.invalidHandle) throw new Error("a session closed twice");
  if (native.call("fm_engine_close", engine) !== Result.invalidHandle) throw new Error("an engine closed twice");
}

/** Resident bytes while one more engine is open: the middle one of some readings, each after a collection. */
function residentBytes(): number {
  const readings = Array.from({ length: 9 }, () => {
    Bun.gc(true);
    cycle();
    return readStruct(stats, 0, Stats).rssBytes;
  });
  return readings.sort((a, b) => a - b)[4]!;
}

/** Collecting now and then keeps the heap of JavaScript flat, so that growth is the native side's. */
function cycles(times: number): void {
  for (let round = 1; round <= times; round++) {
    cycle();
    if (round % 100 === 0) Bun.gc(true);
  }
}

cycles(500); // until the compiled code and the heap have their final size
const files = openFiles();
const resident = residentBytes();
cycles(Number(count));
console.log(
  JSON.stringify({
    grownBytes: residentBytes() - resident,
    files: openFiles() - files,
    handles: native.call("fm_handle_count"),
  }),
);
