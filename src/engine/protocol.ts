/** What the main thread and the engine's worker say to each other. Plain data; big arrays are transferred. */
import type { ErrorCode } from "../errors.ts";
import type { FeedProgress, FinishReason, HeadsRecording, LayerHeads, LoadProgress, Sampling, Token } from "./types.ts";

/** Where a session stands after a call: tokens fed to the engine, and the sampled one that waits to be fed. */
export interface SessionState {
  fedTokens: number;
  pending: number | null;
}

/** One entry per request: its arguments and its result. */
export interface Requests {
  open: {
    args: { description: ArrayBuffer; options: ArrayBuffer; vocab: number };
    result: { engine: number; plan: ArrayBuffer };
  };
  load: { args: Record<string, never>; result: null };
  /** Null ends the trace. */
  trace: { args: { path: string | null }; result: null };
  stats: { args: Record<string, never>; result: ArrayBuffer };
  loadHeads: { args: { path: string }; result: null };
  /** Without arguments only tells what was recorded. */
  trainHeads: { args: { train: { seed: number; steps: number; budgetMs: number } | null }; result: HeadsRecording };
  saveHeads: { args: { path: string }; result: null };
  headFigures: { args: Record<string, never>; result: LayerHeads[] };
  createSession: { args: { sampling: Sampling }; result: { session: number; state: SessionState } };
  loadSession: {
    args: { path: string; sampling: Sampling | null };
    result: { session: number; state: SessionState; user: Uint8Array };
  };
  closeSession: { args: { session: number }; result: null };
  reset: { args: { session: number }; result: SessionState };
  sampling: { args: { session: number; sampling: Sampling }; result: null };
  save: { args: { session: number; path: string; user: Uint8Array }; result: null };
  feed: { args: { session: number; tokens: Uint32Array }; result: SessionState };
  generate: {
    args: { session: number; prompt: Uint32Array; maxTokens: number; stopTokens: number[] };
    result: { state: SessionState; reason: FinishReason; promptMs: number };
  };
  logits: {
    args: { session: number; tokens: Uint32Array };
    result: { state: SessionState; logits: Float32Array<ArrayBuffer>; expertBytes: number };
  };
  score: {
    args: { session: number; tokens: Uint32Array; targets: Uint32Array };
    result: { state: SessionState; scores: Float32Array<ArrayBuffer> };
  };
  close: { args: Record<string, never>; result: null };
}

export type RequestKind = keyof Requests;

export type RequestMessage = { [K in RequestKind]: { id: number; kind: K; args: Requests[K]["args"] } }[RequestKind];

/** What arrives while a request runs. */
export type RequestEvent =
  | { kind: "load"; progress: LoadProgress }
  | { kind: "train"; doneSteps: number; totalSteps: number }
  /** The first of a prompt's steps is next; `position` is its session's. */
  | { kind: "feedBegins"; position: number; totalTokens: number }
  | { kind: "feed"; progress: FeedProgress }
  | { kind: "tokens"; tokens: Token[] };

export interface PlainError {
  code: ErrorCode;
  message: string;
  hint: string;
  stack: string | undefined;
}

export type ReplyMessage =
  | { id: number; type: "event"; event: RequestEvent }
  | { id: number; type: "done"; result: unknown }
  /** `state` when the request had a session: a failed or cancelled request may have fed tokens. */
  | { id: number; type: "error"; error: PlainError; state: SessionState | null };

/** Words of the shared control block. */
export const control = {
  /** Id of the request that is to stop between two steps; written by the main thread. */
  cancelled: 0,
  /** What the worker is doing, for how long a cancel waits; written by the worker. */
  phase: 1,
  words: 2,
} as const;

export const phases = { idle: 0, prefill: 1, decode: 2, load: 3 } as const;

export interface WorkerStart {
  flashmoeEngine: true;
  libraryPath: string;
  control: SharedArrayBuffer;
  trace: SharedArrayBuffer | null;
}
