/**
 * The main thread's side of one engine worker: requests in order, one at a time; cancel; shutdown without terminate.
 * The worker keeps the process alive only while a request is under way.
 */
import { Worker } from "node:worker_threads";
import { FlashmoeError } from "../errors.ts";
import { StepProgress } from "../native/bindings.gen.ts";
import { allocate, readStruct } from "../native/layout.ts";
import type { Native } from "../native/native.ts";
import { createTraceCells, traceRequested } from "../native/trace.ts";
import {
  control,
  phases,
  type ReplyMessage,
  type RequestEvent,
  type RequestKind,
  type RequestMessage,
  type Requests,
  type SessionState,
  type WorkerStart,
} from "./protocol.ts";
import { StepWatch } from "./step-watch.ts";
import type { CancelGrace } from "./types.ts";
import { workerUrl } from "./worker.ts";

export interface RequestHooks {
  signal?: AbortSignal | undefined;
  onEvent?: ((event: RequestEvent) => void) | undefined;
  /** How often the running step of a prompt is looked at for `onEvent`; null or left out: never. */
  watchEveryMs?: number | null;
  /** A failed request of a session still says where the session stands. */
  onState?: ((state: SessionState) => void) | undefined;
}

interface Job {
  message: RequestMessage;
  hooks: RequestHooks;
  resolve(result: unknown): void;
  reject(error: unknown): void;
  onAbort: (() => void) | null;
  /** What the caller's own event handler threw, or a look at the running step: the request is cancelled and rejects with it. */
  thrown: { value: unknown } | null;
}

export class WorkerClient {
  readonly #native: Native;
  readonly #grace: CancelGrace;
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * control.words));
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #queue: Job[] = [];
  #active: Job | null = null;
  #lastId = 0;
  #engine = 0;
  #hardCancel: ReturnType<typeof setTimeout> | null = null;
  readonly #seen = allocate(StepProgress.size);
  #watch: { of: StepWatch; timer: ReturnType<typeof setInterval> } | null = null;
  #closing: Promise<void> | null = null;
  #dead: FlashmoeError | null = null;

  constructor(native: Native, grace: CancelGrace) {
    this.#native = native;
    this.#grace = grace;
    const start: WorkerStart = {
      flashmoeEngine: true,
      libraryPath: native.path,
      control: this.#control.buffer,
      trace: traceRequested() ? createTraceCells().buffer : null,
    };
    this.#worker = new Worker(new URL(workerUrl), { workerData: start });
    this.#worker.on("message", (reply: ReplyMessage) => this.#receive(reply));
    this.#worker.on("error", (cause: Error) => this.#die(cause));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        if (this.#closing === null) this.#die(new Error("it ended by itself"));
        resolve();
      });
    });
    this.#worker.unref();
  }

  /** The engine's handle once it is open, so that a cancel reaches a running step. */
  attach(engine: number): void {
    this.#engine = engine;
  }

  /** Resolves with the result; rejects with the native error, or with `cancelled` when the signal fires first. */
  request<K extends RequestKind>(
    kind: K,
    args: Requests[K]["args"],
    hooks: RequestHooks = {},
  ): Promise<Requests[K]["result"]> {
    if (this.#dead) return Promise.reject(this.#dead);
    if (this.#closing) return Promise.reject(closedError());
    return this.#enqueue(kind, args, hooks);
  }

  /** Cancels what runs, drops what waits, closes the engine and waits for the thread's end. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    for (const job of this.#queue.splice(0)) this.#settle(job, () => job.reject(closedError()));
    if (this.#dead) return;
    if (this.#active) this.#cancel(this.#active, 0);
    this.#worker.ref();
    try {
      await this.#enqueue("close", {}, {});
    } finally {
      if (!this.#dead) await this.#exited;
    }
  }

  #enqueue<K extends RequestKind>(
    kind: K,
    args: Requests[K]["args"],
    hooks: RequestHooks,
  ): Promise<Requests[K]["result"]> {
    const { signal } = hooks;
    if (signal?.aborted) return Promise.reject(cancelledError(signal));
    return new Promise((resolve, reject) => {
      this.#lastId = (this.#lastId % 0x7fff_ffff) + 1;
      const message = { id: this.#lastId, kind, args } as RequestMessage;
      const job: Job = {
        message,
        hooks,
        resolve: resolve as (result: unknown) => void,
        reject,
        onAbort: null,
        thrown: null,
      };
      if (signal) {
        job.onAbort = () => this.#abort(job);
        signal.addEventListener("abort", job.onAbort, { once: true });
      }
      this.#queue.push(job);
      this.#startNext();
    });
  }

  #startNext(): void {
    if (this.#active) return;
    const job = this.#queue.shift();
    if (job === undefined) {
      if (!this.#closing) this.#worker.unref();
      return;
    }
    this.#active = job;
    this.#worker.ref();
    this.#worker.postMessage(job.message);
  }

  #abort(job: Job): void {
    if (job === this.#active) {
      this.#cancel(job, this.#graceOfPhase());
      return;
    }
    this.#queue = this.#queue.filter((waiting) => waiting !== job);
    this.#settle(job, () => job.reject(cancelledError(job.hooks.signal)));
  }

  /** First between steps; after the grace inside the step, which breaks the session. */
  #cancel(job: Job, graceMs: number): void {
    Atomics.store(this.#control, control.cancelled, job.message.id);
    if (this.#hardCancel !== null) clearTimeout(this.#hardCancel);
    const breakOff = () => {
      if (this.#active === job && this.#engine !== 0) this.#native.call("fm_engine_cancel", this.#engine);
    };
    if (graceMs <= 0) breakOff();
    else this.#hardCancel = setTimeout(breakOff, graceMs);
  }

  #graceOfPhase(): number {
    const phase = Atomics.load(this.#control, control.phase);
    return phase === phases.decode ? this.#grace.decodeMs : this.#grace.prefillMs;
  }

  #receive(reply: ReplyMessage): void {
    const job = this.#active;
    if (job === null || job.message.id !== reply.id) return;
    if (reply.type === "event") {
      this.#follow(job, reply.event);
      this.#guard(job, () => job.hooks.onEvent?.(reply.event));
      return;
    }
    this.#active = null;
    this.#stopWatching();
    if (this.#hardCancel !== null) clearTimeout(this.#hardCancel);
    this.#hardCancel = null;
    this.#settle(job, () => {
      if (reply.type === "error" && reply.state) job.hooks.onState?.(reply.state);
      if (job.thrown) job.reject(job.thrown.value);
      else if (reply.type === "done") job.resolve(reply.result);
      else job.reject(revive(reply.error, job.hooks.signal));
    });
    this.#startNext();
  }

  /** Looks at the steps of a prompt from its beginning to its end. */
  #follow(job: Job, event: RequestEvent): void {
    const { watchEveryMs } = job.hooks;
    if (event.kind === "feedBegins" && typeof watchEveryMs === "number") {
      const of = new StepWatch(event.position, event.totalTokens);
      this.#stopWatching();
      this.#watch = { of, timer: setInterval(() => this.#look(job, of), watchEveryMs) };
    } else if (event.kind === "feed" && this.#watch !== null) {
      this.#watch.of.ended(event.progress);
      if (this.#watch.of.done) this.#stopWatching();
    }
  }

  #look(job: Job, watch: StepWatch): void {
    this.#guard(job, () => {
      this.#native.check("fm_engine_progress", this.#engine, this.#seen);
      const progress = watch.look(readStruct(this.#seen, 0, StepProgress));
      if (progress !== null) job.hooks.onEvent?.({ kind: "feed", progress });
    });
  }

  #stopWatching(): void {
    if (this.#watch !== null) clearInterval(this.#watch.timer);
    this.#watch = null;
  }

  /** Whatever `tell` throws ends the request. */
  #guard(job: Job, tell: () => void): void {
    if (job.thrown) return;
    try {
      tell();
    } catch (error) {
      job.thrown = { value: error };
      this.#cancel(job, this.#graceOfPhase());
    }
  }

  #settle(job: Job, action: () => void): void {
    if (job.onAbort) job.hooks.signal?.removeEventListener("abort", job.onAbort);
    action();
  }

  /** The thread is gone without being asked: nothing more can be answered. */
  #die(cause: Error): void {
    if (this.#dead) return;
    this.#dead = new FlashmoeError("internal", `the engine's thread stopped: ${cause.message}`, { cause });
    const jobs = this.#active ? [this.#active, ...this.#queue] : this.#queue;
    this.#stopWatching();
    this.#active = null;
    this.#queue = [];
    for (const job of jobs) this.#settle(job, () => job.reject(this.#dead));
  }
}

function revive(
  error: Extract<ReplyMessage, { type: "error" }>["error"],
  signal: AbortSignal | undefined,
): FlashmoeError {
  if (error.code === "cancelled") return cancelledError(signal);
  const revived = new FlashmoeError(error.code, error.message, error.hint === "" ? {} : { hint: error.hint });
  if (error.stack) revived.stack = error.stack;
  return revived;
}

function cancelledError(signal: AbortSignal | undefined): FlashmoeError {
  return new FlashmoeError("cancelled", "cancelled", { cause: signal?.reason });
}

function closedError(): FlashmoeError {
  return new FlashmoeError("invalid_handle", "the model is closed");
}
