/**
 * What a broken or hostile caller could send: the native core must answer with a code and a text, never crash, never
 * leak. Random mutations of valid descriptions and step arenas; the seed is printed when something fails.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { type Random, seededRandom } from "../../tests/kit/random.ts";
import { tinyModels } from "../../tests/kit/tiny-model.ts";
import {
  EngineOptions,
  FileDesc,
  LoadProgress,
  ModelDesc,
  Plan,
  Result,
  SessionInfo,
  Stats,
  StepFlag,
  StepItem,
  TensorDesc,
} from "../native/bindings.gen.ts";
import { allocate, readStruct, structBuffer, writeStruct } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";
import type { Native } from "../native/native.ts";
import { encodeDescription } from "./descriptor.ts";

const tiny = tinyModels();
const small = { layers: 4, vocab: 320, experts: 2 } as const;

/** The limit keeps a mutated model that is still valid from taking the machine's memory. */
const options = () =>
  structBuffer(EngineOptions, { memoryBytes: 2 ** 31, context: 32, threads: 1, sessions: 2, kvFormat: 1 });

function message(native: Native): string {
  const place = allocate(1024);
  const length = native.call("fm_error_message", 0, place, 1024);
  return new TextDecoder().decode(new Uint8Array(place.buffer, 0, length));
}

function openEngine(native: Native, description: DataView): number {
  const handle = allocate(4);
  native.check("fm_engine_open", description, description.byteLength, options(), handle);
  const engine = handle.getUint32(0, true);
  const progress = allocate(LoadProgress.size);
  do native.check("fm_engine_load", engine, progress);
  while (readStruct(progress, 0, LoadProgress).done === 0);
  return engine;
}

function openSession(native: Native, engine: number): number {
  const handle = allocate(4);
  native.check("fm_session_open", engine, handle);
  return handle.getUint32(0, true);
}

afterEach(async () => expect((await loadNative()).call("fm_handle_count")).toBe(0));

const interesting32 = [
  0, 1, 2, 3, 7, 31, 32, 64, 127, 255, 4096, 65535, 65536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];
const interesting64 = [
  0n,
  1n,
  4095n,
  1n << 31n,
  1n << 32n,
  (1n << 53n) + 1n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** Changes one to three places; counts and offsets are hit more often than payload. */
function mutate(random: Random, original: DataView): DataView {
  const head = readStruct(withoutHash(original), 0, ModelDesc);
  const bytes = new Uint8Array(original.buffer.slice(0) as ArrayBuffer);
  const view = new DataView(bytes.buffer);
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const region = random.below(4);
    const [start, length] =
      region === 0
        ? [0, ModelDesc.size]
        : region === 1
          ? [head.filesOffset, FileDesc.size * head.filesCount]
          : region === 2
            ? [head.tensorsOffset + TensorDesc.size * random.below(head.tensorsCount), TensorDesc.size]
            : [0, bytes.length];
    const kind = random.below(4);
    if (kind === 0) view.setUint8(start + random.below(length), random.bits() & 0xff);
    else if (kind === 1) view.setUint32(start + 4 * random.below(length >> 2), pick(random, interesting32), true);
    else if (kind === 2) view.setBigUint64(start + 8 * random.below(length >> 3), pick(random, interesting64), true);
    else {
      const at = start + 4 * random.below(length >> 2);
      view.setUint32(at, (view.getUint32(at, true) + (random.below(2) === 0 ? 1 : -1)) >>> 0, true);
    }
  }
  return view;
}

/** Reading the head as numbers needs a hash that is one. */
function withoutHash(view: DataView): DataView {
  const copy = new DataView(view.buffer.slice(0));
  copy.setBigUint64(ModelDesc.fields.modelHash.offset, 0n, true);
  return copy;
}

describe("descriptions", () => {
  test("random mutations are refused with a text, or are valid and have a plan", async () => {
    const native = await loadNative();
    const original = encodeDescription(await tiny(small));
    const seed = 0x5eed_0101;
    const random = seededRandom(seed);
    const counts = new Map<number, number>();
    const plan = allocate(Plan.size);
    for (let round = 0; round < 3000; round++) {
      const view = mutate(random, original);
      const bytes = random.below(8) === 0 ? random.below(view.byteLength) : view.byteLength;
      const result = native.call("fm_plan", view, bytes, options(), plan);
      counts.set(result, (counts.get(result) ?? 0) + 1);
      if (result === Result.ok) {
        expect(readStruct(plan, 0, Plan).fullBytes).toBeGreaterThan(0);
        continue;
      }
      const text = message(native);
      if (text.length < 10 || text.includes("�")) throw new Error(`seed ${seed} round ${round}: ${result} "${text}"`);
    }
    expect(counts.get(Result.ok) ?? 0).toBeGreaterThan(30);
    expect(counts.get(Result.modelInvalid) ?? 0).toBeGreaterThan(1000);
    expect(counts.get(Result.internal)).toBeUndefined();
  });

  test("mutated tensors that pass validation open, load and step without a crash", async () => {
    const native = await loadNative();
    const original = encodeDescription(await tiny(small));
    const head = readStruct(withoutHash(original), 0, ModelDesc);
    const random = seededRandom(0x5eed_0102);
    let opened = 0;
    for (let round = 0; round < 250; round++) {
      // Offsets and formats of tensors, kept inside the file so that many get through: wrong bytes, right shapes.
      const view = new DataView(original.buffer.slice(0));
      const at = head.tensorsOffset + TensorDesc.size * random.below(head.tensorsCount);
      const field = pick(random, [0, 1, 2] as const) * 32;
      const offset = Number(view.getBigUint64(at + field, true));
      view.setBigUint64(at + field, BigInt(Math.max(0, offset + random.below(4000) - 2000)), true);
      const handle = allocate(4);
      if (native.call("fm_engine_open", view, view.byteLength, options(), handle) !== Result.ok) {
        expect(message(native).length).toBeGreaterThan(10);
        continue;
      }
      opened++;
      const engine = handle.getUint32(0, true);
      const progress = allocate(LoadProgress.size);
      let result: number = Result.ok;
      do result = native.call("fm_engine_load", engine, progress);
      while (result === Result.ok && readStruct(progress, 0, LoadProgress).done === 0);
      if (result === Result.ok) {
        const session = openSession(native, engine);
        const arena = stepArena(session, [1, 2, 3]);
        result = native.call("fm_engine_step", engine, arena, arena.byteLength, 1);
      }
      if (result !== Result.ok) expect(message(native).length).toBeGreaterThan(10);
      native.check("fm_engine_close", engine);
    }
    expect(opened).toBeGreaterThan(20);
  });
});

function stepArena(session: number, tokens: number[], flags: number = StepFlag.sample): DataView {
  const arena = allocate(4096);
  writeStruct(arena, 0, StepItem, {
    session,
    flags,
    tokensOffset: 128,
    tokenCount: tokens.length,
    logitsOffset: 2048,
    targetsOffset: 256,
    scoresOffset: 384,
    topOffset: 512,
  });
  tokens.forEach((token, i) => {
    arena.setUint32(128 + 4 * i, token, true);
  });
  return arena;
}

describe("step arenas", () => {
  test("random items are refused with a text and change nothing, or are valid", async () => {
    const native = await loadNative();
    const engine = openEngine(native, encodeDescription(await tiny(small)));
    const sessions = [openSession(native, engine), openSession(native, engine)];
    const info = allocate(SessionInfo.size);
    const positions = () =>
      sessions.map((session) => {
        native.check("fm_session_info", session, info);
        return readStruct(info, 0, SessionInfo).position;
      });
    const seed = 0x5eed_0103;
    const random = seededRandom(seed);
    const fields = Object.values(StepItem.fields);
    let accepted = 0;
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const items = 1 + random.below(3);
      const arena = allocate(4096);
      for (let i = 0; i < items; i++) {
        const base = stepArena(pick(random, sessions), [random.below(320), random.below(320)], 1 << random.below(4));
        if (i === 0) new Uint8Array(arena.buffer).set(new Uint8Array(base.buffer));
        else new Uint8Array(arena.buffer).set(new Uint8Array(base.buffer, 0, StepItem.size), i * StepItem.size);
      }
      for (let edits = random.below(3); edits > 0; edits--) {
        const field = pick(random, fields);
        const at = StepItem.size * random.below(items) + field.offset;
        const near = arena.byteLength - random.below(64);
        arena.setUint32(at, random.below(3) === 0 ? near : pick(random, interesting32), true);
      }
      const before = positions();
      const bytes = random.below(10) === 0 ? random.below(4096) : 4096;
      const count = random.below(20) === 0 ? pick(random, interesting32) : items;
      const result = native.call("fm_engine_step", engine, arena, bytes, count);
      if (result === Result.ok) {
        accepted++;
        if (positions().some((position) => position > 20))
          for (const s of sessions) native.check("fm_session_reset", s);
        continue;
      }
      refused++;
      const text = message(native);
      if (text.length < 10) throw new Error(`seed ${seed} round ${round}: ${result} "${text}"`);
      expect(positions()).toEqual(before);
    }
    expect(accepted).toBeGreaterThan(200);
    expect(refused).toBeGreaterThan(1000);
    // After all that the engine still works.
    for (const session of sessions) native.check("fm_session_reset", session);
    const arena = stepArena(sessions[0]!, [1, 2, 3]);
    native.check("fm_engine_step", engine, arena, arena.byteLength, 1);
    expect(readStruct(arena, 0, StepItem).sampled).toBeLessThan(320);
    native.check("fm_engine_close", engine);
  });

  test("every kind of bad item has its own text", async () => {
    const native = await loadNative();
    const engine = openEngine(native, encodeDescription(await tiny(small)));
    const session = openSession(native, engine);
    const cases: [Record<string, number>, number, RegExp][] = [
      [{ session: 12345 }, Result.invalidHandle, /not open in this engine/],
      [{ tokenCount: 0 }, Result.invalidArgument, /no tokens/],
      [{ tokensOffset: 4092 }, Result.invalidArgument, /12 bytes at 4092, .* outside its arena of 4096/],
      [{ tokensOffset: 0xffff_fffc }, Result.invalidArgument, /12 bytes at 4294967292/],
      [{ tokensOffset: 130 }, Result.invalidArgument, /at 130, not aligned/],
      [{ tokenCount: 0x4000_0001 }, Result.invalidArgument, /more than 32 tokens/],
      [{ flags: 64 }, Result.invalidArgument, /unknown flags 40/],
      [{ flags: StepFlag.logitsAll | StepFlag.logitsLast }, Result.invalidArgument, /choose one/],
      [{ flags: StepFlag.logitsAll, logitsOffset: 2048 }, Result.invalidArgument, /3840 bytes at 2048/],
      [{ flags: StepFlag.logitsLast, logitsOffset: 2820 }, Result.invalidArgument, /1280 bytes at 2820/],
      [{ flags: StepFlag.score, scoresOffset: 4088 }, Result.invalidArgument, /12 bytes at 4088/],
      [{ flags: StepFlag.score, targetsOffset: 4096 }, Result.invalidArgument, /12 bytes at 4096/],
    ];
    for (const [edit, code, text] of cases) {
      const arena = stepArena(session, [1, 2, 3]);
      for (const [name, value] of Object.entries(edit)) {
        arena.setUint32(StepItem.fields[name as keyof typeof StepItem.fields].offset, value, true);
      }
      expect({ edit, code: native.call("fm_engine_step", engine, arena, arena.byteLength, 1) }).toEqual({ edit, code });
      expect(message(native)).toMatch(text);
    }
    const outside = stepArena(session, [1, 320, 3]);
    expect(native.call("fm_engine_step", engine, outside, outside.byteLength, 1)).toBe(Result.invalidArgument);
    expect(message(native)).toContain("320");
    const full = stepArena(
      session,
      Array.from({ length: 31 }, () => 1),
    );
    native.check("fm_engine_step", engine, full, full.byteLength, 1);
    expect(native.call("fm_engine_step", engine, stepArena(session, [1, 2]), 4096, 1)).toBe(Result.contextFull);
    expect(message(native)).toContain("context of 32");
    native.check("fm_engine_close", engine);
  });
});

describe("a thousand times", () => {
  test("engines open, load, step and close without leaving memory, handles or open files behind", async () => {
    const native = await loadNative();
    const description = encodeDescription(await tiny(small));
    const stats = allocate(Stats.size);
    const openFiles = () =>
      process.platform === "linux"
        ? [...new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })].length
        : 0;
    const cycle = (): number => {
      const engine = openEngine(native, description);
      const session = openSession(native, engine);
      const arena = stepArena(session, [1, 2, 3]);
      native.check("fm_engine_step", engine, arena, arena.byteLength, 1);
      native.check("fm_engine_stats", engine, stats);
      native.check("fm_session_close", session);
      native.check("fm_engine_close", engine);
      expect(native.call("fm_session_close", session)).toBe(Result.invalidHandle);
      expect(native.call("fm_engine_close", engine)).toBe(Result.invalidHandle);
      return readStruct(stats, 0, Stats).rssBytes;
    };
    for (let warm = 0; warm < 100; warm++) cycle();
    Bun.gc(true);
    const filesBefore = openFiles();
    const before = cycle();
    let after = before;
    for (let round = 0; round < 1000; round++) {
      after = cycle();
      if (round % 100 === 99) Bun.gc(true);
    }
    // One engine of this size holds some 2 MiB: 1,000 that leaked a page each would already show.
    expect(after - before).toBeLessThan(4 << 20);
    expect(openFiles()).toBe(filesBefore);
    expect(native.call("fm_handle_count")).toBe(0);
  });
});
