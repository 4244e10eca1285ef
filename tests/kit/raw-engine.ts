/** Engines by raw native calls, for tests that send what no caller of the TypeScript API could. */
import { EngineOptions, LoadProgress, StepFlag, StepItem } from "../../src/native/bindings.gen.ts";
import { allocate, readStruct, structBuffer, writeStruct } from "../../src/native/layout.ts";
import type { Native } from "../../src/native/native.ts";

/** The limit keeps a mutated model that is still valid from taking the machine's memory. */
export function rawOptions(): DataView {
  return structBuffer(EngineOptions, { memoryBytes: 2 ** 31, context: 32, threads: 1, sessions: 2, kvFormat: 1 });
}

/** Text of this thread's last failed call. */
export function lastMessage(native: Native): string {
  const place = allocate(1024);
  const length = native.call("fm_error_message", 0, place, 1024);
  return new TextDecoder().decode(new Uint8Array(place.buffer, 0, length));
}

export function openRawEngine(native: Native, description: DataView): number {
  const handle = allocate(4);
  native.check("fm_engine_open", description, description.byteLength, rawOptions(), handle);
  const engine = handle.getUint32(0, true);
  const progress = allocate(LoadProgress.size);
  do native.check("fm_engine_load", engine, progress);
  while (readStruct(progress, 0, LoadProgress).done === 0);
  return engine;
}

export function openRawSession(native: Native, engine: number): number {
  const handle = allocate(4);
  native.check("fm_session_open", engine, handle);
  return handle.getUint32(0, true);
}

/** One item with room for everything it may ask for; up to 32 tokens at byte 128. */
export function rawArena(session: number, tokens: number[], flags: number = StepFlag.sample): DataView {
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
