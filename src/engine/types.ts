/** The plain types of the public API. Sizes in bytes, times in milliseconds unless the name says otherwise. */
import type { FlashmoeError } from "../errors.ts";
import type * as bindings from "../native/bindings.gen.ts";
import type { StructOf } from "../native/layout.ts";

export type CpuLevelName = keyof typeof bindings.CpuLevel;
export type ReaderName = keyof typeof bindings.ReaderKind;

export type PrefetchMode = keyof typeof bindings.Prefetch;

export interface EngineOptions {
  /** Hard cap on everything the process holds; left out: all experts stay resident. */
  memoryBytes?: number;
  /** Tokens a session can hold; default the model's, at most 8,192. */
  context?: number;
  /** Compute threads; default all cores. */
  threads?: number;
  cpuLevel?: CpuLevelName;
  kvFormat?: "f16" | "f32";
  /** Default the trained number. */
  expertsPerToken?: number;
  /** Most tokens of one prefill step; default 512, up to 2048 where the plan has room. */
  chunkTokens?: number;
  /** Sessions open at once; default 1. */
  sessions?: number;
  /** How experts are read; default automatic: io_uring where the system has it, else threads. */
  reader?: ReaderName;
  /** Threads of the pread reader; default `queueDepth`, else 8. */
  readerThreads?: number;
  /** Reads at once; default the reader's. */
  queueDepth?: number;
  /** Parts that each range of a record is read in; default 1. */
  readSplit?: number;
  /** Read experts past the page cache where the file system can; default true. */
  directIo?: boolean;
  /** Read the experts of the next layer early, by guessing them; default automatic: where it pays. */
  prefetch?: PrefetchMode;
  /** Compute a layer's experts only when all of them have been read, not the cached ones first; to compare with. */
  waitForMisses?: boolean;
  /** Compare every record that is read with its hash; packed models only; default false. */
  paranoid?: boolean;
  /** A file that `saveHeads` wrote: small networks that guess the experts of the next layer better than its router. */
  heads?: string;
  /** Memory to record and train heads in, counted in the plan; left out: none are trained. */
  headsTrainingBytes?: number;
  /** With the simulated reader: a disk of this speed in real time; left out: as fast as asked for. To measure against. */
  throttleBytesPerSecond?: number;
}

export interface LoadProgress {
  loadedBytes: number;
  totalBytes: number;
}

/** How long a cancel lets the running step finish by itself, which keeps the session usable, before breaking it off. */
export interface CancelGrace {
  /** A step over a chunk of the prompt can take long; default 250. */
  prefillMs: number;
  /** A step of one token; default 5000. */
  decodeMs: number;
}

export interface OpenOptions extends EngineOptions {
  /** Told when the file of heads cannot be used; the model then opens without. Left out: it does not open. */
  onHeadsRefused?: (reason: FlashmoeError) => void;
  onProgress?: (progress: LoadProgress) => void;
  signal?: AbortSignal;
  cancelGrace?: Partial<CancelGrace>;
}

/** What an engine holds in memory; fields as in zig/abi/types.zig `Plan`. */
export type Plan = Omit<StructOf<typeof bindings.Plan>, "reserved" | "cpuLevel"> & { cpuLevel: CpuLevelName };

/** Counters since the engine opened; fields as in zig/abi/types.zig `Stats`. */
export type Stats = Omit<StructOf<typeof bindings.Stats>, "reader" | "readerRefusal"> & {
  /** The reader that was opened. */
  reader: ReaderName;
  /** The errno with which the system refused io_uring to an automatic choice, by name; else null. */
  readerRefusal: string | null;
};

/** What guesses for a layer were worth on held-out tokens: shares of the experts needed that were among the guesses. */
export interface LayerHeads {
  /** Named by the layer's own router one layer early, as many guesses as experts per token. */
  router: number;
  /** With half as many guesses again. */
  routerAll: number;
  head: number;
  headAll: number;
  heldTokens: number;
  /** The head is better and takes the router's place. */
  used: boolean;
}

export interface HeadsRecording {
  /** Tokens. */
  recorded: number;
  capacity: number;
}

export interface TrainHeadsOptions {
  seed?: number;
  /** Per layer, at most; default 2,000. */
  steps?: number;
  /** So few steps that training takes about this long; which file that gives depends on the machine. */
  budgetMs?: number;
  onProgress?: (progress: { doneSteps: number; totalSteps: number }) => void;
  signal?: AbortSignal;
}

export interface CpuInfo {
  level: CpuLevelName;
  supportedLevels: CpuLevelName[];
  cores: number;
  memoryBytes: number;
  directIo: boolean;
}

export interface Sampling {
  /** 0 picks the most likely token. */
  temperature?: number;
  topP?: number;
  /** 0 keeps all. */
  topK?: number;
  minP?: number;
  repeatPenalty?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  seed?: number | bigint;
  /** Alternatives reported with each token, at most 20. */
  topLogprobs?: number;
}

export interface TopToken {
  id: number;
  logprob: number;
}

export interface Token {
  id: number;
  /** Of the unmodified distribution. */
  logprob: number;
  /** As many as `Sampling.topLogprobs` asks for, most likely first. */
  top: TopToken[];
  /** How long the step took that made it. */
  stepMs: number;
}

export interface FeedProgress {
  /** Of whole steps. */
  doneTokens: number;
  totalTokens: number;
  /** Bytes of experts read from disk so far, for the running step too. */
  readBytes: number;
  /** The step that runs: its tokens, and how many of the model's layers have seen them. Null where a step has ended. */
  step: { tokens: number; doneLayers: number; layers: number } | null;
}

export interface FeedOptions {
  /**
   * Told after every step, and while one runs whenever more of its layers are done, at most every `progressEveryMs`.
   * `progressTokens` makes one number of it.
   */
  onProgress?: (progress: FeedProgress) => void;
  /** Default 250; Infinity tells of whole steps only. */
  progressEveryMs?: number;
  signal?: AbortSignal;
}

export interface GenerateOptions extends FeedOptions {
  /** Fed before the first token is sampled; cheaper than a `prefill` of its own by one step. */
  prompt?: ArrayLike<number>;
  /** Default: until the context is full. */
  maxTokens?: number;
  /** The stop token itself is the last one yielded. */
  stopTokens?: Iterable<number>;
}

/** Why a generation ended by itself: a stop token, `maxTokens`, or a full context. */
export type FinishReason = "stop" | "length" | "context";
