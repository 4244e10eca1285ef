/**
 * A session: one mutable timeline of tokens in an engine. Owned by the caller; closing it frees its state. Calls of the
 * sessions of one engine run one after the other.
 */
import { FlashmoeError } from "../errors.ts";
import { noneU32 } from "../native/bindings.gen.ts";
import { Generation } from "./generation.ts";
import type { RequestEvent, SessionState } from "./protocol.ts";
import type { FeedOptions, FeedProgress, GenerateOptions, Sampling } from "./types.ts";
import type { RequestHooks, WorkerClient } from "./worker-client.ts";

export interface SessionStart {
  client: WorkerClient;
  handle: number;
  state: SessionState;
  context: number;
  vocab: number;
  chunkTokens: number;
  user: Uint8Array;
}

/** Logits of one step stay below this, whatever the chunk. */
const logitsBytesMax = 64 << 20;

export class Session {
  /** Most tokens it can hold. */
  readonly context: number;
  /** The caller's bytes that were saved with the file this session was loaded from; empty otherwise. */
  readonly user: Uint8Array;
  readonly #client: WorkerClient;
  readonly #handle: number;
  readonly #vocab: number;
  readonly #chunkTokens: number;
  #state: SessionState;
  #closed: Promise<void> | null = null;

  /** Made by FlashMoE. */
  constructor(start: SessionStart) {
    this.#client = start.client;
    this.#handle = start.handle;
    this.#state = start.state;
    this.context = start.context;
    this.#vocab = start.vocab;
    this.#chunkTokens = start.chunkTokens;
    this.user = start.user;
  }

  /** Tokens in the timeline: the prompt's and the generated ones, the last one included. */
  get position(): number {
    return this.#state.fedTokens + (this.#state.pending === null ? 0 : 1);
  }

  /**
   * Appends tokens without generating. Cut into chunks of the plan, one native step each. Cancelled between two chunks
   * the session keeps what was fed (see `position`); cancelled inside a step it is broken until `reset`.
   */
  async prefill(tokens: ArrayLike<number>, options: FeedOptions = {}): Promise<void> {
    const args = { session: this.#open(), tokens: this.#checked(tokens, "prompt") };
    if (tokens.length === 0) throw new FlashmoeError("invalid_argument", "the prompt is empty");
    this.#state = await this.#client.request("feed", args, this.#hooks(options, progressOf(options)));
  }

  /** Appends `options.prompt`, then samples token after token: one native step each. Starts at once. */
  generate(options: GenerateOptions = {}): Generation {
    const { maxTokens = 0xffff_ffff } = options;
    if (!Number.isInteger(maxTokens) || maxTokens < 1) {
      throw new FlashmoeError("invalid_argument", `maxTokens must be a whole number from 1, not ${maxTokens}`);
    }
    const args = {
      session: this.#open(),
      prompt: this.#checked(options.prompt ?? [], "prompt"),
      maxTokens,
      stopTokens: [...(options.stopTokens ?? [])],
    };
    const progress = progressOf(options);
    return new Generation(async (push, stop) => {
      const signal = options.signal ? AbortSignal.any([options.signal, stop]) : stop;
      const onEvent = (event: RequestEvent) => (event.kind === "tokens" ? push(event.tokens) : progress?.(event));
      const hooks = this.#hooks({ ...options, signal }, onEvent);
      const { state, reason, promptMs } = await this.#client.request("generate", args, hooks);
      this.#state = state;
      return { reason, promptMs };
    });
  }

  /** Appends tokens and yields the logits after each, f32 [vocab]. For evaluation: a lot of data. */
  async *logits(tokens: ArrayLike<number>, options: FeedOptions = {}): AsyncGenerator<Float32Array, void> {
    const all = this.#checked(tokens, "tokens");
    const chunk = Math.max(1, Math.min(this.#chunkTokens, Math.floor(logitsBytesMax / (4 * this.#vocab))));
    let readBytes = 0;
    for (let done = 0; done < all.length; done += chunk) {
      const slice = all.slice(done, done + chunk);
      const tell = ({ doneTokens, readBytes: bytes, step }: FeedProgress) =>
        options.onProgress?.({
          doneTokens: done + doneTokens,
          totalTokens: all.length,
          readBytes: readBytes + bytes,
          step,
        });
      const { state, logits, expertBytes } = await this.#client.request(
        "logits",
        { session: this.#open(), tokens: slice },
        this.#hooks(options, progressOf({ onProgress: tell })),
      );
      this.#state = state;
      tell({ doneTokens: slice.length, totalTokens: slice.length, readBytes: expertBytes, step: null });
      readBytes += expertBytes;
      for (let i = 0; i < slice.length; i++) yield logits.subarray(i * this.#vocab, (i + 1) * this.#vocab);
    }
  }

  /** Appends tokens; the log probability of targets[i] after tokens[i], NaN where the target is null. */
  async score(
    tokens: ArrayLike<number>,
    targets: ArrayLike<number | null>,
    options: FeedOptions = {},
  ): Promise<Float32Array> {
    if (tokens.length !== targets.length) {
      throw new FlashmoeError(
        "invalid_argument",
        `${tokens.length} tokens cannot be scored against ${targets.length} targets`,
      );
    }
    const wanted = Uint32Array.from(targets, (target) =>
      target === null ? noneU32 : checkedId(target, this.#vocab, "targets"),
    );
    const args = { session: this.#open(), tokens: this.#checked(tokens, "tokens"), targets: wanted };
    const { state, scores } = await this.#client.request("score", args, this.#hooks(options, progressOf(options)));
    this.#state = state;
    return scores;
  }

  async setSampling(sampling: Sampling): Promise<void> {
    await this.#client.request("sampling", { session: this.#open(), sampling });
  }

  /** Writes state and `user` to a temporary name, syncs, renames. A loaded session continues byte for byte. */
  async save(path: string, user: Uint8Array = new Uint8Array()): Promise<void> {
    await this.#client.request("save", { session: this.#open(), path, user });
  }

  /** Empties the timeline; mends a broken session. */
  async reset(): Promise<void> {
    this.#state = await this.#client.request("reset", { session: this.#open() });
  }

  /** Frees the session's state. Every later call fails. */
  close(): Promise<void> {
    this.#closed ??= this.#client.request("closeSession", { session: this.#handle }).then(
      () => undefined,
      (error: unknown) => {
        // A model that was closed first has closed its sessions.
        if (!(error instanceof FlashmoeError && error.code === "invalid_handle")) throw error;
      },
    );
    return this.#closed;
  }

  [Symbol.dispose](): void {
    this.close().catch(() => {}); // whoever wants to know awaits `close`
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): number {
    if (this.#closed) throw new FlashmoeError("invalid_handle", "the session is closed");
    return this.#handle;
  }

  #checked(tokens: ArrayLike<number>, what: string): Uint32Array {
    return Uint32Array.from(tokens, (id) => checkedId(id, this.#vocab, what));
  }

  #hooks(options: FeedOptions, onEvent?: (event: RequestEvent) => void): RequestHooks {
    return {
      signal: options.signal,
      onEvent,
      watchEveryMs: options.onProgress === undefined ? null : watchInterval(options.progressEveryMs),
      onState: (state) => {
        this.#state = state;
      },
    };
  }
}

function progressOf(options: {
  onProgress?: (progress: FeedProgress) => void;
}): ((event: RequestEvent) => void) | undefined {
  const { onProgress } = options;
  if (onProgress === undefined) return undefined;
  return (event) => {
    if (event.kind === "feed") onProgress(event.progress);
  };
}

/** Null where only whole steps are told. */
function watchInterval(milliseconds = 250): number | null {
  if (!(milliseconds > 0)) {
    throw new FlashmoeError("invalid_argument", `progressEveryMs must be above 0, not ${milliseconds}`);
  }
  return milliseconds === Number.POSITIVE_INFINITY ? null : Math.min(milliseconds, 0x7fff_ffff); // a timer's most
}

function checkedId(id: number, vocab: number, what: string): number {
  if (Number.isInteger(id) && id >= 0 && id < vocab) return id;
  throw new FlashmoeError("invalid_argument", `${what}: ${id} is no token of the model, which has ${vocab}`, {
    hint: `Token ids go from 0 to ${vocab - 1}.`,
  });
}
