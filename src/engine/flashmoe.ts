/**
 * FlashMoE: a model opened by the native engine in a worker of its own. The caller owns it and closes it; memory is the
 * native side's and bounded by `plan`.
 */
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { Plan as PlanLayout, Stats as StatsLayout } from "../native/bindings.gen.ts";
import { allocate, readStruct } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";
import { encodeDescription } from "./descriptor.ts";
import { encodeOptions, planOf, statsOf } from "./options.ts";
import type { RequestEvent, SessionState } from "./protocol.ts";
import { Session } from "./session.ts";
import type {
  CancelGrace,
  EngineOptions,
  HeadsRecording,
  LayerHeads,
  OpenOptions,
  Plan,
  Sampling,
  Stats,
  TrainHeadsOptions,
} from "./types.ts";
import { WorkerClient } from "./worker-client.ts";

const defaultGrace: CancelGrace = { prefillMs: 250, decodeMs: 5000 };

export class FlashMoE {
  readonly description: ModelDescription;
  readonly plan: Plan;
  readonly #client: WorkerClient;
  #closed = false;

  private constructor(description: ModelDescription, plan: Plan, client: WorkerClient) {
    this.description = description;
    this.plan = plan;
    this.#client = client;
  }

  /** Plans memory, starts the engine's worker, and reads the dense part. Rejects with `cancelled` when the signal fires. */
  static async open(description: ModelDescription, options: OpenOptions = {}): Promise<FlashMoE> {
    const { onProgress, onHeadsRefused, signal, cancelGrace, ...engineOptions } = options;
    const encoded = encodeDescription(description);
    const encodedOptions = encodeOptions(engineOptions);
    const client = new WorkerClient(await loadNative(), { ...defaultGrace, ...cancelGrace });
    try {
      const args = {
        description: bufferOf(encoded),
        options: bufferOf(encodedOptions),
        vocab: description.shape.vocab,
      };
      const { engine, plan } = await client.request("open", args, { signal });
      client.attach(engine);
      const onEvent = (event: RequestEvent) => {
        if (event.kind === "load") onProgress?.(event.progress);
      };
      await client.request("load", {}, { signal, onEvent });
      if (options.heads !== undefined) await loadHeads(client, options.heads, signal, onHeadsRefused);
      return new FlashMoE(description, planOf(readStruct(new DataView(plan), 0, PlanLayout)), client);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** What `open` would hold in memory with these options. Reads no tensor, starts no worker. */
  static async plan(description: ModelDescription, options: EngineOptions = {}): Promise<Plan> {
    const native = await loadNative();
    const encoded = encodeDescription(description);
    const place = allocate(PlanLayout.size);
    native.check("fm_plan", encoded, encoded.byteLength, encodeOptions(options), place);
    return planOf(readStruct(place, 0, PlanLayout));
  }

  /** Counters since the model was opened. Waits for the request that runs. */
  async stats(): Promise<Stats> {
    const bytes = await this.#open().request("stats", {});
    return statsOf(readStruct(new DataView(bytes), 0, StatsLayout));
  }

  /**
   * Records every step's routing and reading from now on, to be looked at (`exportTrace`) and replayed (`replayTrace`).
   * The file appears when the trace is stopped, or the model closed.
   */
  async startTrace(path: string): Promise<void> {
    await this.#open().request("trace", { path });
  }

  async stopTrace(): Promise<void> {
    await this.#open().request("trace", { path: null });
  }

  /** How much has been recorded for training heads, and how much there is room for. Needs `headsTrainingBytes`. */
  async headsRecording(): Promise<HeadsRecording> {
    return await this.#open().request("trainHeads", { train: null });
  }

  /**
   * Trains heads on what was fed since the model was opened with `headsTrainingBytes`; the last eighth of it is held out
   * to compare them with the router. The same tokens and seed give the same heads.
   */
  async trainHeads(options: TrainHeadsOptions = {}): Promise<LayerHeads[]> {
    const { seed = 0, steps = 0, budgetMs = 0, onProgress, signal } = options;
    const onEvent = (event: RequestEvent) => {
      if (event.kind === "train") onProgress?.({ doneSteps: event.doneSteps, totalSteps: event.totalSteps });
    };
    await this.#open().request("trainHeads", { train: { seed, steps, budgetMs } }, { signal, onEvent });
    return await this.heads();
  }

  /** Writes the trained heads into a file for `EngineOptions.heads`. */
  async saveHeads(path: string): Promise<void> {
    await this.#open().request("saveHeads", { path });
  }

  /** Per layer, of the heads that were loaded or trained; empty when there are none. */
  async heads(): Promise<LayerHeads[]> {
    return await this.#open().request("headFigures", {});
  }

  async createSession(sampling: Sampling = {}): Promise<Session> {
    const { session, state } = await this.#open().request("createSession", { sampling });
    return this.#session(session, state, new Uint8Array());
  }

  /**
   * Continues a saved session: the same model, options that hold at least as much context. Its sampling and its random
   * numbers go on where they were; other settings may be given, and a new seed starts them anew.
   */
  async loadSession(path: string, sampling: Sampling | null = null): Promise<Session> {
    const { session, state, user } = await this.#open().request("loadSession", { path, sampling });
    return this.#session(session, state, user);
  }

  /** Cancels what runs, closes all sessions and the engine, waits until its thread has ended. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close().catch(() => {}); // whoever wants to know awaits `close`
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): WorkerClient {
    if (this.#closed) throw new FlashmoeError("invalid_handle", "the model is closed");
    return this.#client;
  }

  #session(handle: number, state: SessionState, user: Uint8Array): Session {
    return new Session({
      client: this.#client,
      handle,
      state,
      context: this.plan.context,
      vocab: this.description.shape.vocab,
      chunkTokens: this.plan.chunkTokens,
      user,
    });
  }
}

/** A file that is damaged or of another model is no reason to stop when the caller wants to hear of it instead. */
async function loadHeads(
  client: WorkerClient,
  path: string,
  signal: AbortSignal | undefined,
  onRefused: OpenOptions["onHeadsRefused"],
): Promise<void> {
  try {
    await client.request("loadHeads", { path }, { signal });
  } catch (error) {
    const refused = error instanceof FlashmoeError && (error.code === "invalid_argument" || error.code === "io_failed");
    if (!refused || onRefused === undefined) throw error;
    onRefused(error);
  }
}

function bufferOf(view: DataView): ArrayBuffer {
  return view.buffer as ArrayBuffer;
}
