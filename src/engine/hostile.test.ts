/**
 * What a broken or hostile caller could send: the native core must answer with a code and a text, never crash, never
 * leak. Random mutations of valid descriptions and step arenas; the seed is printed when something fails.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Random, seededRandom } from "../../tests/kit/random.ts";
import { lastMessage, openRawEngine, openRawSession, rawArena, rawOptions } from "../../tests/kit/raw-engine.ts";
import { tinyModels } from "../../tests/kit/tiny-model.ts";
import {
  FileDesc,
  LoadProgress,
  ModelDesc,
  Plan,
  Result,
  SessionInfo,
  StepFlag,
  StepItem,
  TensorDesc,
} from "../native/bindings.gen.ts";
import { allocate, readStruct } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";
import { encodeDescription } from "./descriptor.ts";

const tiny = tinyModels();
const small = { layers: 4, vocab: 320, experts: 2 } as const;

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
      const result = native.call("fm_plan", view, bytes, rawOptions(), plan);
      counts.set(result, (counts.get(result) ?? 0) + 1);
      if (result === Result.ok) {
        expect(readStruct(plan, 0, Plan).fullBytes).toBeGreaterThan(0);
        continue;
      }
      const text = lastMessage(native);
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
      if (native.call("fm_engine_open", view, view.byteLength, rawOptions(), handle) !== Result.ok) {
        expect(lastMessage(native).length).toBeGreaterThan(10);
        continue;
      }
      opened++;
      const engine = handle.getUint32(0, true);
      const progress = allocate(LoadProgress.size);
      let result: number = Result.ok;
      do result = native.call("fm_engine_load", engine, progress);
      while (result === Result.ok && readStruct(progress, 0, LoadProgress).done === 0);
      if (result === Result.ok) {
        const session = openRawSession(native, engine);
        const arena = rawArena(session, [1, 2, 3]);
        result = native.call("fm_engine_step", engine, arena, arena.byteLength, 1);
      }
      if (result !== Result.ok) expect(lastMessage(native).length).toBeGreaterThan(10);
      native.check("fm_engine_close", engine);
    }
    expect(opened).toBeGreaterThan(20);
  });
});

describe("step arenas", () => {
  test("random items are refused with a text and change nothing, or are valid", async () => {
    const native = await loadNative();
    const engine = openRawEngine(native, encodeDescription(await tiny(small)));
    const sessions = [openRawSession(native, engine), openRawSession(native, engine)];
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
        const base = rawArena(pick(random, sessions), [random.below(320), random.below(320)], 1 << random.below(4));
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
      const text = lastMessage(native);
      if (text.length < 10) throw new Error(`seed ${seed} round ${round}: ${result} "${text}"`);
      expect(positions()).toEqual(before);
    }
    expect(accepted).toBeGreaterThan(200);
    expect(refused).toBeGreaterThan(1000);
    // After all that the engine still works.
    for (const session of sessions) native.check("fm_session_reset", session);
    const arena = rawArena(sessions[0]!, [1, 2, 3]);
    native.check("fm_engine_step", engine, arena, arena.byteLength, 1);
    expect(readStruct(arena, 0, StepItem).sampled).toBeLessThan(320);
    native.check("fm_engine_close", engine);
  });

  test("every kind of bad item has its own text", async () => {
    const native = await loadNative();
    const engine = openRawEngine(native, encodeDescription(await tiny(small)));
    const session = openRawSession(native, engine);
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
      const arena = rawArena(session, [1, 2, 3]);
      for (const [name, value] of Object.entries(edit)) {
        arena.setUint32(StepItem.fields[name as keyof typeof StepItem.fields].offset, value, true);
      }
      expect({ edit, code: native.call("fm_engine_step", engine, arena, arena.byteLength, 1) }).toEqual({ edit, code });
      expect(lastMessage(native)).toMatch(text);
    }
    const outside = rawArena(session, [1, 320, 3]);
    expect(native.call("fm_engine_step", engine, outside, outside.byteLength, 1)).toBe(Result.invalidArgument);
    expect(lastMessage(native)).toContain("320");
    const full = rawArena(
      session,
      Array.from({ length: 31 }, () => 1),
    );
    native.check("fm_engine_step", engine, full, full.byteLength, 1);
    expect(native.call("fm_engine_step", engine, rawArena(session, [1, 2]), 4096, 1)).toBe(Result.contextFull);
    expect(lastMessage(native)).toContain("context of 32");
    native.check("fm_engine_close", engine);
  });
});

test("a thousand engines open, load, step and close, and leave no memory, handle or open file behind", async () => {
  const { directory } = await tiny(small);
  const script = join(import.meta.dir, "../../tests/kit/cycles-child.ts");
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "--no-env-file", script, directory, "1000"], {
    env: { ...process.env, MALLOC_ARENA_MAX: "1" },
  });
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  const { grownBytes, files, handles } = JSON.parse(stdout.toString()) as Record<string, number>;
  expect([files, handles]).toEqual([0, 0]);
  // One page lost per engine would show.
  expect(grownBytes).toBeLessThan(1000 * 4096);
});
