/** Generated from zig/abi by `npm run generate`: do not edit. What crosses between TypeScript and the native core. */

import type { StructLayout, SymbolSignature } from "./layout.ts";

/** Compared with fm_abi_hash() when the library is loaded. */
export const abiHash = 0xccdbb070;

export const Result = {
  ok: 0,
  invalidArgument: -1,
  invalidHandle: -2,
  outOfMemory: -3,
  modelInvalid: -4,
  memoryTooSmall: -5,
  ioFailed: -6,
  cancelled: -7,
  contextFull: -8,
  sessionBroken: -9,
  unsupported: -10,
  sessionFileInvalid: -11,
  busy: -12,
  internal: -13,
} as const;

export const noneU32 = 4294967295;

export const Format = {
  f32: 0,
  f16: 1,
  bf16: 2,
  affine: 3,
} as const;

export const Role = {
  embedding: 0,
  finalNorm: 1,
  lmHead: 2,
  inputNorm: 3,
  postAttentionNorm: 4,
  attentionQ: 5,
  attentionK: 6,
  attentionV: 7,
  attentionO: 8,
  attentionQNorm: 9,
  attentionKNorm: 10,
  deltaQkv: 11,
  deltaZ: 12,
  deltaB: 13,
  deltaA: 14,
  deltaConv: 15,
  deltaALog: 16,
  deltaDtBias: 17,
  deltaNorm: 18,
  deltaOut: 19,
  router: 20,
  sharedGateProj: 21,
  sharedUpProj: 22,
  sharedDownProj: 23,
  sharedGate: 24,
  expertGateProj: 25,
  expertUpProj: 26,
  expertDownProj: 27,
} as const;

export const LayerKind = {
  deltaNet: 0,
  attention: 1,
} as const;

export const Extent = {
  name: "Extent",
  size: 32,
  align: 8,
  fields: {
    offset: { offset: 0, type: "u64" },
    bytes: { offset: 8, type: "u64" },
    stride: { offset: 16, type: "u64" },
    file: { offset: 24, type: "u32" },
    reserved: { offset: 28, type: "u32" },
  },
} as const satisfies StructLayout;

export const TensorDesc = {
  name: "TensorDesc",
  size: 136,
  align: 8,
  fields: {
    weight: { offset: 0, type: Extent },
    scales: { offset: 32, type: Extent },
    biases: { offset: 64, type: Extent },
    role: { offset: 96, type: "u32" },
    layer: { offset: 100, type: "u32" },
    format: { offset: 104, type: "u32" },
    bits: { offset: 108, type: "u32" },
    group: { offset: 112, type: "u32" },
    scaleFormat: { offset: 116, type: "u32" },
    rows: { offset: 120, type: "u32" },
    cols: { offset: 124, type: "u32" },
    expertFirst: { offset: 128, type: "u32" },
    expertCount: { offset: 132, type: "u32" },
  },
} as const satisfies StructLayout;

export const FileDesc = {
  name: "FileDesc",
  size: 16,
  align: 8,
  fields: {
    bytes: { offset: 0, type: "u64" },
    pathOffset: { offset: 8, type: "u32" },
    pathBytes: { offset: 12, type: "u32" },
  },
} as const satisfies StructLayout;

export const ModelDesc = {
  name: "ModelDesc",
  size: 136,
  align: 8,
  fields: {
    totalBytes: { offset: 0, type: "u64" },
    modelHash: { offset: 8, type: "u64" },
    ropeTheta: { offset: 16, type: "f64" },
    normEps: { offset: 24, type: "f32" },
    hidden: { offset: 28, type: "u32" },
    layers: { offset: 32, type: "u32" },
    vocab: { offset: 36, type: "u32" },
    heads: { offset: 40, type: "u32" },
    kvHeads: { offset: 44, type: "u32" },
    headDim: { offset: 48, type: "u32" },
    rotaryDim: { offset: 52, type: "u32" },
    deltaValueHeads: { offset: 56, type: "u32" },
    deltaKeyHeads: { offset: 60, type: "u32" },
    deltaKeyDim: { offset: 64, type: "u32" },
    deltaValueDim: { offset: 68, type: "u32" },
    convKernel: { offset: 72, type: "u32" },
    experts: { offset: 76, type: "u32" },
    expertsPerToken: { offset: 80, type: "u32" },
    expertWidth: { offset: 84, type: "u32" },
    sharedWidth: { offset: 88, type: "u32" },
    contextMax: { offset: 92, type: "u32" },
    normTopk: { offset: 96, type: "u32" },
    normZeroCentred: { offset: 100, type: "u32" },
    tied: { offset: 104, type: "u32" },
    layerKindsOffset: { offset: 108, type: "u32" },
    filesOffset: { offset: 112, type: "u32" },
    filesCount: { offset: 116, type: "u32" },
    tensorsOffset: { offset: 120, type: "u32" },
    tensorsCount: { offset: 124, type: "u32" },
    recordHashesFile: { offset: 128, type: "u32" },
    recordHashesOffset: { offset: 132, type: "u32" },
  },
} as const satisfies StructLayout;

export const CpuLevel = {
  automatic: 0,
  scalar: 1,
  avx2: 2,
  avx512: 3,
  neon: 4,
  neonDotprod: 5,
} as const;

export const ReaderKind = {
  automatic: 0,
  pread: 1,
  simulated: 2,
  uring: 3,
} as const;

export const Prefetch = {
  automatic: 0,
  off: 1,
  on: 2,
} as const;

export const EngineOptions = {
  name: "EngineOptions",
  size: 96,
  align: 8,
  fields: {
    memoryBytes: { offset: 0, type: "u64" },
    throttleBytesPerSecond: { offset: 8, type: "u64" },
    headsBytes: { offset: 16, type: "u64" },
    headsTrainingBytes: { offset: 24, type: "u64" },
    context: { offset: 32, type: "u32" },
    threads: { offset: 36, type: "u32" },
    cpuLevel: { offset: 40, type: "u32" },
    kvFormat: { offset: 44, type: "u32" },
    expertsPerToken: { offset: 48, type: "u32" },
    chunkTokens: { offset: 52, type: "u32" },
    sessions: { offset: 56, type: "u32" },
    reader: { offset: 60, type: "u32" },
    readerThreads: { offset: 64, type: "u32" },
    directIo: { offset: 68, type: "u32" },
    prefetch: { offset: 72, type: "u32" },
    waitForMisses: { offset: 76, type: "u32" },
    queueDepth: { offset: 80, type: "u32" },
    readSplit: { offset: 84, type: "u32" },
    paranoid: { offset: 88, type: "u32" },
    reserved0: { offset: 92, type: "u32" },
  },
} as const satisfies StructLayout;

export const Plan = {
  name: "Plan",
  size: 136,
  align: 8,
  fields: {
    limitBytes: { offset: 0, type: "u64" },
    processBytes: { offset: 8, type: "u64" },
    denseBytes: { offset: 16, type: "u64" },
    kvBytes: { offset: 24, type: "u64" },
    stateBytes: { offset: 32, type: "u64" },
    scratchBytes: { offset: 40, type: "u64" },
    slotBytes: { offset: 48, type: "u64" },
    slotsBytes: { offset: 56, type: "u64" },
    recordBytes: { offset: 64, type: "u64" },
    minimumBytes: { offset: 72, type: "u64" },
    fullBytes: { offset: 80, type: "u64" },
    bytesPerToken: { offset: 88, type: "u64" },
    expertTotalBytes: { offset: 96, type: "u64" },
    slotCount: { offset: 104, type: "u32" },
    floorSlots: { offset: 108, type: "u32" },
    expertsPerToken: { offset: 112, type: "u32" },
    context: { offset: 116, type: "u32" },
    chunkTokens: { offset: 120, type: "u32" },
    threads: { offset: 124, type: "u32" },
    cpuLevel: { offset: 128, type: "u32" },
    reserved: { offset: 132, type: "u32" },
  },
} as const satisfies StructLayout;

export const LoadProgress = {
  name: "LoadProgress",
  size: 24,
  align: 8,
  fields: {
    loadedBytes: { offset: 0, type: "u64" },
    totalBytes: { offset: 8, type: "u64" },
    done: { offset: 16, type: "u32" },
    reserved: { offset: 20, type: "u32" },
  },
} as const satisfies StructLayout;

export const Sampling = {
  name: "Sampling",
  size: 40,
  align: 8,
  fields: {
    seed: { offset: 0, type: "u64" },
    temperature: { offset: 8, type: "f32" },
    topP: { offset: 12, type: "f32" },
    minP: { offset: 16, type: "f32" },
    repeatPenalty: { offset: 20, type: "f32" },
    presencePenalty: { offset: 24, type: "f32" },
    frequencyPenalty: { offset: 28, type: "f32" },
    topK: { offset: 32, type: "u32" },
    topLogprobs: { offset: 36, type: "u32" },
  },
} as const satisfies StructLayout;

export const maxTopLogprobs = 20;

export const SessionInfo = {
  name: "SessionInfo",
  size: 24,
  align: 8,
  fields: {
    position: { offset: 0, type: "u32" },
    context: { offset: 4, type: "u32" },
    stateBytes: { offset: 8, type: "u64" },
    userBytes: { offset: 16, type: "u32" },
    reserved: { offset: 20, type: "u32" },
  },
} as const satisfies StructLayout;

export const StepFlag = {
  sample: 1,
  logitsLast: 2,
  logitsAll: 4,
  score: 8,
} as const;

export const StepItem = {
  name: "StepItem",
  size: 56,
  align: 8,
  fields: {
    session: { offset: 0, type: "u32" },
    flags: { offset: 4, type: "u32" },
    tokensOffset: { offset: 8, type: "u32" },
    tokenCount: { offset: 12, type: "u32" },
    logitsOffset: { offset: 16, type: "u32" },
    targetsOffset: { offset: 20, type: "u32" },
    scoresOffset: { offset: 24, type: "u32" },
    topOffset: { offset: 28, type: "u32" },
    sampled: { offset: 32, type: "u32" },
    position: { offset: 36, type: "u32" },
    logprob: { offset: 40, type: "f32" },
    reserved: { offset: 44, type: "u32" },
    expertBytes: { offset: 48, type: "u64" },
  },
} as const satisfies StructLayout;

export const StepProgress = {
  name: "StepProgress",
  size: 24,
  align: 8,
  fields: {
    expertBytes: { offset: 0, type: "u64" },
    position: { offset: 8, type: "u32" },
    tokens: { offset: 12, type: "u32" },
    doneLayers: { offset: 16, type: "u32" },
    layers: { offset: 20, type: "u32" },
  },
} as const satisfies StructLayout;

export const TopLogprob = {
  name: "TopLogprob",
  size: 8,
  align: 4,
  fields: {
    id: { offset: 0, type: "u32" },
    logprob: { offset: 4, type: "f32" },
  },
} as const satisfies StructLayout;

export const Stats = {
  name: "Stats",
  size: 248,
  align: 8,
  fields: {
    steps: { offset: 0, type: "u64" },
    tokens: { offset: 8, type: "u64" },
    expertHits: { offset: 16, type: "u64" },
    expertMisses: { offset: 24, type: "u64" },
    expertBytesRead: { offset: 32, type: "u64" },
    deviceBytesRead: { offset: 40, type: "u64" },
    readRequests: { offset: 48, type: "u64" },
    readRetries: { offset: 56, type: "u64" },
    evictions: { offset: 64, type: "u64" },
    readWaitNs: { offset: 72, type: "u64" },
    prefetchIssued: { offset: 80, type: "u64" },
    prefetchUsed: { offset: 88, type: "u64" },
    prefetchLate: { offset: 96, type: "u64" },
    prefetchWastedBytes: { offset: 104, type: "u64" },
    guessNeeded: { offset: 112, type: "u64" },
    guessRight: { offset: 120, type: "u64" },
    guessRightAll: { offset: 128, type: "u64" },
    guessFirstNeeded: { offset: 136, type: "u64" },
    guessFirstRight: { offset: 144, type: "u64" },
    guessFirstRightAll: { offset: 152, type: "u64" },
    guessOffVerdicts: { offset: 160, type: "u64" },
    guessActive: { offset: 168, type: "u64" },
    stepNs: { offset: 176, type: "u64" },
    diskBusyNs: { offset: 184, type: "u64" },
    diskIdleNs: { offset: 192, type: "u64" },
    denseBytesRead: { offset: 200, type: "u64" },
    cacheBytes: { offset: 208, type: "u64" },
    memoryLimitBytes: { offset: 216, type: "u64" },
    peakRssBytes: { offset: 224, type: "u64" },
    rssBytes: { offset: 232, type: "u64" },
    reader: { offset: 240, type: "u32" },
    readerRefusal: { offset: 244, type: "u32" },
  },
} as const satisfies StructLayout;

export const HeadsTraining = {
  name: "HeadsTraining",
  size: 40,
  align: 8,
  fields: {
    seed: { offset: 0, type: "u64" },
    begin: { offset: 8, type: "u32" },
    steps: { offset: 12, type: "u32" },
    recorded: { offset: 16, type: "u32" },
    capacity: { offset: 20, type: "u32" },
    doneSteps: { offset: 24, type: "u32" },
    totalSteps: { offset: 28, type: "u32" },
    done: { offset: 32, type: "u32" },
    budgetMs: { offset: 36, type: "u32" },
  },
} as const satisfies StructLayout;

export const HeadFigures = {
  name: "HeadFigures",
  size: 24,
  align: 4,
  fields: {
    router: { offset: 0, type: "f32" },
    routerAll: { offset: 4, type: "f32" },
    head: { offset: 8, type: "f32" },
    headAll: { offset: 12, type: "f32" },
    heldTokens: { offset: 16, type: "u32" },
    used: { offset: 20, type: "u32" },
  },
} as const satisfies StructLayout;

export const ReplayPolicy = {
  lru: 0,
  lfu: 1,
  layerLru: 2,
  decayed: 3,
  belady: 4,
} as const;

export const ReplayArgs = {
  name: "ReplayArgs",
  size: 16,
  align: 4,
  fields: {
    policy: { offset: 0, type: "u32" },
    slotCount: { offset: 4, type: "u32" },
    decodeOnly: { offset: 8, type: "u32" },
    warmSteps: { offset: 12, type: "u32" },
  },
} as const satisfies StructLayout;

export const ReplayScore = {
  name: "ReplayScore",
  size: 32,
  align: 8,
  fields: {
    accesses: { offset: 0, type: "u64" },
    hits: { offset: 8, type: "u64" },
    slotCount: { offset: 16, type: "u32" },
    layers: { offset: 20, type: "u32" },
    experts: { offset: 24, type: "u32" },
    expertsPerToken: { offset: 28, type: "u32" },
  },
} as const satisfies StructLayout;

export const CpuInfo = {
  name: "CpuInfo",
  size: 24,
  align: 8,
  fields: {
    level: { offset: 0, type: "u32" },
    cores: { offset: 4, type: "u32" },
    memoryBytes: { offset: 8, type: "u64" },
    supportedLevels: { offset: 16, type: "u32" },
    directIo: { offset: 20, type: "u32" },
  },
} as const satisfies StructLayout;

export const FillKind = {
  uniformBits: 0,
  constantJitter: 1,
  normal: 2,
} as const;

export const FillArgs = {
  name: "FillArgs",
  size: 56,
  align: 8,
  fields: {
    seed: { offset: 0, type: "u64" },
    fileOffset: { offset: 8, type: "u64" },
    firstByte: { offset: 16, type: "u64" },
    bytes: { offset: 24, type: "u64" },
    mean: { offset: 32, type: "f64" },
    spread: { offset: 40, type: "f64" },
    kind: { offset: 48, type: "u32" },
    format: { offset: 52, type: "u32" },
  },
} as const satisfies StructLayout;

export const DiskMeasurement = {
  name: "DiskMeasurement",
  size: 48,
  align: 8,
  fields: {
    seed: { offset: 0, type: "u64" },
    milliseconds: { offset: 8, type: "u32" },
    inFlight: { offset: 12, type: "u32" },
    bytes: { offset: 16, type: "u64" },
    records: { offset: 24, type: "u64" },
    ns: { offset: 32, type: "u64" },
    reader: { offset: 40, type: "u32" },
    direct: { offset: 44, type: "u32" },
  },
} as const satisfies StructLayout;

export const MemoryMeasurement = {
  name: "MemoryMeasurement",
  size: 48,
  align: 8,
  fields: {
    blockBytes: { offset: 0, type: "u64" },
    milliseconds: { offset: 8, type: "u32" },
    threads: { offset: 12, type: "u32" },
    bytes: { offset: 16, type: "u64" },
    ns: { offset: 24, type: "u64" },
    passBytes: { offset: 32, type: "u64" },
    fastestNs: { offset: 40, type: "u64" },
  },
} as const satisfies StructLayout;

export const PackTask = {
  write: 0,
  hash: 1,
  finite: 2,
} as const;

export const PackFit = {
  minmax: 0,
  search: 1,
} as const;

export const PackSlice = {
  name: "PackSlice",
  size: 72,
  align: 8,
  fields: {
    totalBytes: { offset: 0, type: "u64" },
    settleOffset: { offset: 8, type: "u64" },
    settleBytes: { offset: 16, type: "u64" },
    task: { offset: 24, type: "u32" },
    threads: { offset: 28, type: "u32" },
    targetOffset: { offset: 32, type: "u32" },
    targetBytes: { offset: 36, type: "u32" },
    filesOffset: { offset: 40, type: "u32" },
    filesCount: { offset: 44, type: "u32" },
    blocksOffset: { offset: 48, type: "u32" },
    blocksCount: { offset: 52, type: "u32" },
    piecesOffset: { offset: 56, type: "u32" },
    piecesCount: { offset: 60, type: "u32" },
    rangesOffset: { offset: 64, type: "u32" },
    rangesCount: { offset: 68, type: "u32" },
  },
} as const satisfies StructLayout;

export const PackBlock = {
  name: "PackBlock",
  size: 48,
  align: 8,
  fields: {
    bufferBytes: { offset: 0, type: "u64" },
    squares: { offset: 8, type: "f64" },
    errors: { offset: 16, type: "f64" },
    minmaxErrors: { offset: 24, type: "f64" },
    firstPiece: { offset: 32, type: "u32" },
    pieceCount: { offset: 36, type: "u32" },
    firstRange: { offset: 40, type: "u32" },
    rangeCount: { offset: 44, type: "u32" },
  },
} as const satisfies StructLayout;

export const PackPiece = {
  name: "PackPiece",
  size: 168,
  align: 8,
  fields: {
    weight: { offset: 0, type: Extent },
    scales: { offset: 32, type: Extent },
    biases: { offset: 64, type: Extent },
    weightPlace: { offset: 96, type: "u64" },
    scalesPlace: { offset: 104, type: "u64" },
    biasesPlace: { offset: 112, type: "u64" },
    rows: { offset: 120, type: "u32" },
    cols: { offset: 124, type: "u32" },
    format: { offset: 128, type: "u32" },
    bits: { offset: 132, type: "u32" },
    group: { offset: 136, type: "u32" },
    scaleFormat: { offset: 140, type: "u32" },
    toBits: { offset: 144, type: "u32" },
    toGroup: { offset: 148, type: "u32" },
    fit: { offset: 152, type: "u32" },
    damaged: { offset: 156, type: "u32" },
    damagedLow: { offset: 160, type: "u32" },
    damagedHigh: { offset: 164, type: "u32" },
  },
} as const satisfies StructLayout;

export const PackRange = {
  name: "PackRange",
  size: 48,
  align: 8,
  fields: {
    offset: { offset: 0, type: "u64" },
    bytes: { offset: 8, type: "u64" },
    padding: { offset: 16, type: "u64" },
    place: { offset: 24, type: "u64" },
    file: { offset: 32, type: "u32" },
    paddingDirty: { offset: 36, type: "u32" },
    hashLow: { offset: 40, type: "u32" },
    hashHigh: { offset: 44, type: "u32" },
  },
} as const satisfies StructLayout;

export const symbols = {
  fm_abi_hash: { args: [], returns: "u32" },
  fm_abi_manifest: { args: ["ptr", "u32"], returns: "i32" },
  fm_error_message: { args: ["u32", "ptr", "u32"], returns: "i32" },
  fm_handle_count: { args: [], returns: "u32" },
  fm_cpu_info: { args: ["ptr"], returns: "i32" },
  fm_fill: { args: ["ptr", "u32", "ptr"], returns: "i32" },
  fm_measure_disk: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  fm_measure_memory: { args: ["ptr"], returns: "i32" },
  fm_pack: { args: ["ptr", "u32"], returns: "i32" },
  fm_trace_replay: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  fm_trace_export: { args: ["ptr", "u32", "ptr", "u32"], returns: "i32" },
  fm_plan: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  fm_engine_open: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  fm_engine_load: { args: ["u32", "ptr"], returns: "i32" },
  fm_engine_plan: { args: ["u32", "ptr"], returns: "i32" },
  fm_engine_stats: { args: ["u32", "ptr"], returns: "i32" },
  fm_engine_trace: { args: ["u32", "ptr", "u32"], returns: "i32" },
  fm_engine_step: { args: ["u32", "ptr", "u32", "u32"], returns: "i32" },
  fm_engine_cancel: { args: ["u32"], returns: "i32" },
  fm_engine_progress: { args: ["u32", "ptr"], returns: "i32" },
  fm_engine_close: { args: ["u32"], returns: "i32" },
  fm_heads_load: { args: ["u32", "ptr", "u32"], returns: "i32" },
  fm_heads_train: { args: ["u32", "ptr"], returns: "i32" },
  fm_heads_save: { args: ["u32", "ptr", "u32"], returns: "i32" },
  fm_heads_figures: { args: ["u32", "ptr", "u32"], returns: "i32" },
  fm_session_open: { args: ["u32", "ptr"], returns: "i32" },
  fm_session_load: { args: ["u32", "ptr", "u32", "ptr"], returns: "i32" },
  fm_session_info: { args: ["u32", "ptr"], returns: "i32" },
  fm_session_sampling: { args: ["u32", "ptr"], returns: "i32" },
  fm_session_reset: { args: ["u32"], returns: "i32" },
  fm_session_save: { args: ["u32", "ptr", "u32", "ptr", "u32"], returns: "i32" },
  fm_session_user: { args: ["u32", "ptr", "u32"], returns: "i32" },
  fm_session_close: { args: ["u32"], returns: "i32" },
} as const satisfies Record<string, SymbolSignature>;
