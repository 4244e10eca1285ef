/** The engine's options and plan between their public and their native form. Pure. */
import { statSync } from "node:fs";
import { constants } from "node:os";
import { FlashmoeError } from "../errors.ts";
import {
  type CpuInfo as CpuInfoLayout,
  CpuLevel,
  Format,
  EngineOptions as OptionsLayout,
  type Plan as PlanLayout,
  Prefetch,
  ReaderKind,
  type Stats as StatsLayout,
} from "../native/bindings.gen.ts";
import { type StructOf, structBuffer } from "../native/layout.ts";
import type { CpuInfo, CpuLevelName, EngineOptions, Plan, ReaderName, Stats } from "./types.ts";

export function encodeOptions(options: EngineOptions): DataView {
  return structBuffer(OptionsLayout, {
    memoryBytes: options.memoryBytes ?? 0,
    context: options.context ?? 0,
    threads: options.threads ?? 0,
    cpuLevel: memberOf(CpuLevel, options.cpuLevel ?? "automatic", "cpuLevel"),
    kvFormat: memberOf(Format, options.kvFormat ?? "f16", "kvFormat"),
    expertsPerToken: options.expertsPerToken ?? 0,
    chunkTokens: options.chunkTokens ?? 0,
    sessions: options.sessions ?? 1,
    reader: memberOf(ReaderKind, options.reader ?? "automatic", "reader"),
    readerThreads: options.readerThreads ?? 0,
    directIo: (options.directIo ?? true) ? 1 : 0,
    prefetch: memberOf(Prefetch, options.prefetch ?? "automatic", "prefetch"),
    throttleBytesPerSecond: options.throttleBytesPerSecond ?? 0,
    waitForMisses: options.waitForMisses ? 1 : 0,
    queueDepth: options.queueDepth ?? 0,
    readSplit: options.readSplit ?? 0,
    paranoid: options.paranoid ? 1 : 0,
    headsBytes: options.heads === undefined ? 0 : headsBytes(options.heads),
    headsTrainingBytes: options.headsTrainingBytes ?? 0,
  });
}

/** The plan counts a file of heads by its size. */
function headsBytes(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return stat.size;
  throw new FlashmoeError("io_failed", `there is no file of heads at ${path}`, {
    hint: "Train heads with tune, or leave the option out.",
  });
}

export function planOf(native: StructOf<typeof PlanLayout>): Plan {
  const { reserved: _, cpuLevel, ...plan } = native;
  return { ...plan, cpuLevel: levelName(cpuLevel) };
}

export function statsOf(native: StructOf<typeof StatsLayout>): Stats {
  const { reader, readerRefusal, ...counters } = native;
  return {
    ...counters,
    reader: readerName(reader),
    readerRefusal: readerRefusal === 0 ? null : errnoName(readerRefusal),
  };
}

export function cpuInfoOf(native: StructOf<typeof CpuInfoLayout>): CpuInfo {
  const names = Object.keys(CpuLevel) as CpuLevelName[];
  return {
    level: levelName(native.level),
    supportedLevels: names.filter(
      (name) => name !== "automatic" && (native.supportedLevels & (1 << CpuLevel[name])) !== 0,
    ),
    cores: native.cores,
    memoryBytes: native.memoryBytes,
    directIo: native.directIo !== 0,
  };
}

function levelName(value: number): CpuLevelName {
  const name = (Object.keys(CpuLevel) as CpuLevelName[]).find((candidate) => CpuLevel[candidate] === value);
  if (name === undefined) throw new FlashmoeError("internal", `the native core named the unknown CPU level ${value}`);
  return name;
}

export function readerName(value: number): ReaderName {
  const name = (Object.keys(ReaderKind) as ReaderName[]).find((candidate) => ReaderKind[candidate] === value);
  if (name === undefined) throw new FlashmoeError("internal", `the native core named the unknown reader ${value}`);
  return name;
}

function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

function memberOf<T extends Record<string, number>>(members: T, name: string, what: string): number {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  if (value !== undefined) return value;
  throw new FlashmoeError("invalid_argument", `${what} is one of ${Object.keys(members).join(", ")}, not "${name}"`);
}
