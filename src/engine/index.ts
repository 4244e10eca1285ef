/** The public TypeScript API of the engine room. */
export { FlashmoeError } from "../errors.ts";
export { FlashMoE } from "./flashmoe.ts";
export type { Generation } from "./generation.ts";
export { type HeadsOptions, type TrainedHeads, trainHeads } from "./heads.ts";
export { cpuInfo, createFiller, type FillSlice, libraryInfo } from "./machine.ts";
export {
  type DiskRate,
  type DiskSlice,
  type MemoryRate,
  type MemorySlice,
  measureDisk,
  measureMemory,
} from "./measure.ts";
export { createPacker } from "./packer.ts";
export type { Session } from "./session.ts";
export { progressTokens } from "./step-watch.ts";
export {
  enginePolicy,
  exportTrace,
  type ReplayOptions,
  type ReplayPolicyName,
  type ReplayScore,
  replayPolicies,
  replayTrace,
} from "./trace.ts";
export type {
  CancelGrace,
  CpuInfo,
  CpuLevelName,
  EngineOptions,
  FeedOptions,
  FeedProgress,
  FinishReason,
  GenerateOptions,
  HeadsRecording,
  LayerHeads,
  LoadProgress,
  OpenOptions,
  Plan,
  PrefetchMode,
  ReaderName,
  Sampling,
  Stats,
  Token,
  TopToken,
  TrainHeadsOptions,
} from "./types.ts";
export { isEngineWorker } from "./worker.ts";
