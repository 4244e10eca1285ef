/**
 * The native engine as its worker owns it: one request at a time, one native crossing per step, cancel looked at between
 * steps. Handles never leave this file except as numbers in replies.
 */
import { FlashmoeError } from "../errors.ts";
import {
  EngineOptions,
  HeadFigures,
  HeadsTraining,
  LoadProgress,
  noneU32,
  Plan,
  Result,
  Sampling as SamplingLayout,
  SessionInfo,
  Stats,
} from "../native/bindings.gen.ts";
import { allocate, readStruct, structBuffer } from "../native/layout.ts";
import { type Native, textArgument } from "../native/native.ts";
import { control, phases, type RequestEvent, type Requests, type SessionState } from "./protocol.ts";
import { StepArena, type StepRequest } from "./step-arena.ts";
import type { FinishReason, HeadsRecording, LayerHeads, Sampling, Token } from "./types.ts";
import { unwrapUser, wrapUser } from "./user-blob.ts";

/** Tokens are sent one by one while steps are slow, in batches of this many milliseconds while they are fast. */
const batchMs = 12;

/** What a request may do besides returning: tell about itself, and learn that it is unwanted. */
export interface RequestContext {
  id: number;
  emit(event: RequestEvent): void;
}

interface StepLogits {
  logits: Float32Array<ArrayBuffer>;
  expertBytes: number;
}

interface HostedSession extends SessionState {
  context: number;
  topLogprobs: number;
}

export class EngineHost {
  readonly #native: Native;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #arena = new StepArena();
  readonly #sessions = new Map<number, HostedSession>();
  #engine = 0;
  #chunkTokens = 1;
  #vocab = 0;

  constructor(native: Native, controlBlock: SharedArrayBuffer) {
    this.#native = native;
    this.#control = new Int32Array(controlBlock);
  }

  open({ description, options, vocab }: Requests["open"]["args"]): Requests["open"]["result"] {
    const handle = allocate(4);
    const bytes = new DataView(description);
    this.#native.check("fm_engine_open", bytes, bytes.byteLength, sized(options, EngineOptions.size), handle);
    this.#engine = handle.getUint32(0, true);
    const plan = allocate(Plan.size);
    this.#native.check("fm_engine_plan", this.#engine, plan);
    this.#chunkTokens = readStruct(plan, 0, Plan).chunkTokens;
    this.#vocab = vocab;
    return { engine: this.#engine, plan: plan.buffer as ArrayBuffer };
  }

  load(context: RequestContext): void {
    const place = allocate(LoadProgress.size);
    this.#setPhase(phases.load);
    for (;;) {
      this.#crossCancellable(context, "fm_engine_load", () => this.#native.call("fm_engine_load", this.#engine, place));
      const progress = readStruct(place, 0, LoadProgress);
      context.emit({ kind: "load", progress: { loadedBytes: progress.loadedBytes, totalBytes: progress.totalBytes } });
      if (progress.done !== 0) return;
    }
  }

  trace(path: string | null): void {
    const text = textArgument(path ?? "");
    this.#native.check("fm_engine_trace", this.#engine, text.view, text.bytes);
  }

  stats(): ArrayBuffer {
    const place = allocate(Stats.size);
    this.#native.check("fm_engine_stats", this.#engine, place);
    return place.buffer as ArrayBuffer;
  }

  loadHeads(path: string): void {
    const text = textArgument(path);
    this.#native.check("fm_heads_load", this.#engine, text.view, text.bytes);
  }

  /** Trains slice by slice until it is done, when asked to. */
  trainHeads(context: RequestContext, train: Requests["trainHeads"]["args"]["train"]): HeadsRecording {
    const fields = train === null ? {} : { ...train, begin: 1 };
    const place = structBuffer(HeadsTraining, fields);
    this.#setPhase(phases.load);
    for (;;) {
      this.#crossCancellable(context, "fm_heads_train", () => this.#native.call("fm_heads_train", this.#engine, place));
      const { recorded, capacity, doneSteps, totalSteps, done } = readStruct(place, 0, HeadsTraining);
      if (train !== null) context.emit({ kind: "train", doneSteps, totalSteps });
      if (train === null || done !== 0) return { recorded, capacity };
    }
  }

  saveHeads(path: string): void {
    const text = textArgument(path);
    this.#native.check("fm_heads_save", this.#engine, text.view, text.bytes);
  }

  headFigures(): LayerHeads[] {
    const length = this.#native.checkLength("fm_heads_figures", this.#engine, null, 0);
    const place = allocate(length);
    this.#native.checkLength("fm_heads_figures", this.#engine, place, length);
    return Array.from({ length: length / HeadFigures.size }, (_, layer) => {
      const { used, ...figures } = readStruct(place, layer * HeadFigures.size, HeadFigures);
      return { ...figures, used: used === 1 };
    });
  }

  createSession(sampling: Sampling): Requests["createSession"]["result"] {
    const handle = allocate(4);
    this.#native.check("fm_session_open", this.#engine, handle);
    return this.#adopt(handle.getUint32(0, true), sampling, () => ({ pending: null, topLogprobs: 0 }));
  }

  /** The file's sampling goes on where it was, unless another is given. */
  loadSession(path: string, sampling: Sampling | null): Requests["loadSession"]["result"] {
    const handle = allocate(4);
    const text = textArgument(path);
    this.#native.check("fm_session_load", this.#engine, text.view, text.bytes, handle);
    let user: Uint8Array = new Uint8Array();
    const adopted = this.#adopt(handle.getUint32(0, true), sampling, (session) => {
      const blob = unwrapUser(this.#userBlob(session), this.#vocab);
      user = blob.user;
      return blob;
    });
    return { ...adopted, user };
  }

  closeSession(session: number): void {
    this.#sessions.delete(session);
    this.#native.check("fm_session_close", session);
  }

  reset(session: number): SessionState {
    const state = this.#session(session);
    this.#native.check("fm_session_reset", session);
    state.fedTokens = 0;
    state.pending = null;
    return this.stateOf(session);
  }

  setSampling(session: number, sampling: Sampling): void {
    const state = this.#session(session);
    this.#native.check("fm_session_sampling", session, structBuffer(SamplingLayout, samplingFields(sampling)));
    state.topLogprobs = sampling.topLogprobs ?? 0;
  }

  save(session: number, path: string, user: Uint8Array): void {
    const text = textArgument(path);
    const { pending, topLogprobs } = this.#session(session);
    const blob = wrapUser({ pending, topLogprobs, user });
    this.#native.check("fm_session_save", session, text.view, text.bytes, blob, blob.byteLength);
  }

  /** Feeds the pending token and all given ones but the last, which waits: what comes after it is not asked for yet. */
  feed(context: RequestContext, session: number, tokens: Uint32Array): void {
    const state = this.#session(session);
    const all = this.#withPending(state, tokens);
    const last = all.at(-1);
    if (last === undefined) return;
    this.#requireRoom(state, all.length);
    this.#feedChunks(context, session, all.subarray(0, -1), all.length - 1, {});
    state.pending = last;
  }

  generate(context: RequestContext, args: Requests["generate"]["args"]): { reason: FinishReason; promptMs: number } {
    const state = this.#session(args.session);
    const prompt = this.#withPending(state, args.prompt);
    if (prompt.length === 0)
      throw new FlashmoeError("invalid_argument", "there is nothing to continue: the session is empty");
    this.#requireRoom(state, prompt.length);
    const stop = new Set(args.stopTokens);
    const out = new TokenBatch(context);
    const promptMs = this.#feedChunks(context, args.session, prompt, prompt.length, { sample: true });
    let stepMs = promptMs;
    this.#setPhase(phases.decode);
    try {
      for (let count = 1; ; count++) {
        const token = this.#sampled(state, stepMs);
        state.pending = token.id;
        out.push(token);
        if (stop.has(token.id)) return { reason: "stop", promptMs };
        if (count >= args.maxTokens) return { reason: "length", promptMs };
        if (state.fedTokens >= state.context) return { reason: "context", promptMs };
        stepMs = this.#step(context, state, { session: args.session, tokens: Uint32Array.of(token.id), sample: true });
      }
    } finally {
      out.flush();
    }
  }

  /** Logits after each of the tokens, f32 [tokens, vocab]; the pending token is fed before them. */
  logits(context: RequestContext, session: number, tokens: Uint32Array): StepLogits {
    const state = this.#session(session);
    this.#requireRoom(state, tokens.length + (state.pending === null ? 0 : 1));
    this.#feedPending(context, session, state);
    context.emit({ kind: "feedBegins", position: state.fedTokens, totalTokens: tokens.length });
    this.#step(context, state, { session, tokens, logits: { vocab: this.#vocab } });
    return { logits: this.#arena.logits(), expertBytes: this.#arena.result().expertBytes };
  }

  /** Log probability of targets[i] after tokens[i], NaN where there is no target; the pending token is fed before them. */
  score(
    context: RequestContext,
    session: number,
    tokens: Uint32Array,
    targets: Uint32Array,
  ): Float32Array<ArrayBuffer> {
    const state = this.#session(session);
    this.#requireRoom(state, tokens.length + (state.pending === null ? 0 : 1));
    this.#feedPending(context, session, state);
    const scores = new Float32Array(tokens.length);
    let readBytes = 0;
    context.emit({ kind: "feedBegins", position: state.fedTokens, totalTokens: tokens.length });
    for (let done = 0; done < tokens.length; done += this.#chunkTokens) {
      const end = Math.min(done + this.#chunkTokens, tokens.length);
      this.#step(context, state, { session, tokens: tokens.subarray(done, end), targets: targets.subarray(done, end) });
      scores.set(this.#arena.scores(), done);
      for (let i = done; i < end; i++) if (targets[i] === noneU32) scores[i] = Number.NaN;
      readBytes += this.#arena.result().expertBytes;
      context.emit({ kind: "feed", progress: { doneTokens: end, totalTokens: tokens.length, readBytes, step: null } });
    }
    return scores;
  }

  stateOf(session: number): SessionState {
    const { fedTokens, pending } = this.#session(session);
    return { fedTokens, pending };
  }

  /** After a failed step the native core knows best how far it came. Null when the session is unknown. */
  stateAfterFailure(session: number): SessionState | null {
    const state = this.#sessions.get(session);
    if (state === undefined) return null;
    const place = allocate(SessionInfo.size);
    if (this.#native.call("fm_session_info", session, place) === Result.ok) {
      state.fedTokens = readStruct(place, 0, SessionInfo).position;
    }
    return this.stateOf(session);
  }

  idle(): void {
    this.#setPhase(phases.idle);
  }

  /** Closes the sessions and the engine; nothing to do when none is open. */
  close(): void {
    const engine = this.#engine;
    this.#engine = 0;
    this.#sessions.clear();
    if (engine !== 0) this.#native.check("fm_engine_close", engine);
  }

  #adopt(
    session: number,
    sampling: Sampling | null,
    extras: (session: number) => { pending: number | null; topLogprobs: number },
  ): Requests["createSession"]["result"] {
    try {
      const place = allocate(SessionInfo.size);
      this.#native.check("fm_session_info", session, place);
      const { position, context } = readStruct(place, 0, SessionInfo);
      const { pending, topLogprobs } = extras(session);
      this.#sessions.set(session, { fedTokens: position, pending, context, topLogprobs });
      if (sampling !== null) this.setSampling(session, sampling);
      return { session, state: this.stateOf(session) };
    } catch (error) {
      this.#sessions.delete(session);
      this.#native.call("fm_session_close", session);
      throw error;
    }
  }

  #userBlob(session: number): Uint8Array {
    const length = this.#native.checkLength("fm_session_user", session, null, 0);
    const place = allocate(length);
    this.#native.checkLength("fm_session_user", session, place, length);
    return new Uint8Array(place.buffer, 0, length);
  }

  #session(session: number): HostedSession {
    const state = this.#sessions.get(session);
    if (state === undefined) throw new FlashmoeError("invalid_handle", `session ${session} is not open`);
    return state;
  }

  #withPending(state: HostedSession, tokens: Uint32Array): Uint32Array {
    if (state.pending === null) return tokens;
    const all = new Uint32Array(tokens.length + 1);
    all[0] = state.pending;
    all.set(tokens, 1);
    return all;
  }

  /** Before anything is fed, so that a prompt that does not fit changes nothing. */
  #requireRoom(state: HostedSession, tokens: number): void {
    if (state.fedTokens + tokens <= state.context) return;
    throw new FlashmoeError(
      "context_full",
      `${tokens} tokens do not fit: the session holds ${state.fedTokens} of its ${state.context}`,
      { hint: "Raise --context, shorten the prompt, or start a new session." },
    );
  }

  #feedPending(context: RequestContext, session: number, state: HostedSession): void {
    if (state.pending !== null) this.#step(context, state, { session, tokens: Uint32Array.of(state.pending) });
  }

  /** Feeds `tokens` in chunks of the plan; the last chunk also samples when asked. Returns the milliseconds of its steps. */
  #feedChunks(
    context: RequestContext,
    session: number,
    tokens: Uint32Array,
    total: number,
    last: { sample?: boolean },
  ): number {
    const state = this.#session(session);
    let milliseconds = 0;
    let readBytes = 0;
    this.#setPhase(tokens.length > 1 ? phases.prefill : phases.decode);
    if (total > 1) context.emit({ kind: "feedBegins", position: state.fedTokens, totalTokens: total });
    for (let done = 0; done < tokens.length; done += this.#chunkTokens) {
      const end = Math.min(done + this.#chunkTokens, tokens.length);
      const sample = last.sample === true && end === tokens.length;
      milliseconds += this.#step(context, state, { session, tokens: tokens.subarray(done, end), sample });
      readBytes += this.#arena.result().expertBytes;
      if (total > 1) {
        context.emit({ kind: "feed", progress: { doneTokens: end, totalTokens: total, readBytes, step: null } });
      }
    }
    return milliseconds;
  }

  /** One crossing. Everything in `step.tokens` is fed afterwards, the pending token with it. Returns its milliseconds. */
  #step(context: RequestContext, state: HostedSession, step: StepRequest): number {
    const bytes = this.#arena.write(step);
    const start = performance.now();
    this.#crossCancellable(context, "fm_engine_step", () =>
      this.#native.call("fm_engine_step", this.#engine, this.#arena.view, bytes, 1),
    );
    state.fedTokens = this.#arena.result().position;
    state.pending = null;
    return performance.now() - start;
  }

  #sampled(state: HostedSession, stepMs: number): Token {
    const { sampled, logprob } = this.#arena.result();
    if (sampled === noneU32) throw new FlashmoeError("internal", "a step that was asked to sample returned no token");
    return { id: sampled, logprob, top: this.#arena.top(state.topLogprobs), stepMs };
  }

  /**
   * A crossing that a cancel may break off. Requests run one after the other, so a native cancel that belongs to an
   * earlier request was stored before this one began: the core then refuses at entry, touching nothing, and the call
   * is simply made again.
   */
  #crossCancellable(
    context: RequestContext,
    name: "fm_engine_step" | "fm_engine_load" | "fm_heads_train",
    call: () => number,
  ): void {
    for (let attempt = 0; ; attempt++) {
      this.#throwIfCancelled(context);
      const result = call();
      if (result === Result.ok) return;
      const stale = result === Result.cancelled && attempt === 0 && !this.#isCancelled(context);
      if (!stale) throw this.#native.errorOf(name, result);
    }
  }

  #isCancelled(context: RequestContext): boolean {
    return Atomics.load(this.#control, control.cancelled) === context.id;
  }

  #throwIfCancelled(context: RequestContext): void {
    if (this.#isCancelled(context)) throw new FlashmoeError("cancelled", "cancelled");
  }

  #setPhase(phase: number): void {
    Atomics.store(this.#control, control.phase, phase);
  }
}

/** Collects tokens and sends them when enough time has passed since the last ones, the first at once. */
class TokenBatch {
  readonly #context: RequestContext;
  #tokens: Token[] = [];
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(context: RequestContext) {
    this.#context = context;
  }

  push(token: Token): void {
    this.#tokens.push(token);
    if (performance.now() - this.#sentAt >= batchMs) this.flush();
  }

  flush(): void {
    if (this.#tokens.length === 0) return;
    this.#context.emit({ kind: "tokens", tokens: this.#tokens });
    this.#tokens = [];
    this.#sentAt = performance.now();
  }
}

function sized(buffer: ArrayBuffer, size: number): DataView {
  if (buffer.byteLength !== size)
    throw new FlashmoeError("internal", `a struct of ${size} bytes arrived with ${buffer.byteLength}`);
  return new DataView(buffer);
}

/** Fields left out take the native defaults: greedy, nothing penalised. */
function samplingFields(sampling: Sampling) {
  return {
    seed: sampling.seed ?? 0,
    temperature: sampling.temperature ?? 0,
    topP: sampling.topP ?? 1,
    minP: sampling.minP ?? 0,
    repeatPenalty: sampling.repeatPenalty ?? 1,
    presencePenalty: sampling.presencePenalty ?? 0,
    frequencyPenalty: sampling.frequencyPenalty ?? 0,
    topK: sampling.topK ?? 0,
    topLogprobs: sampling.topLogprobs ?? 0,
  };
}
