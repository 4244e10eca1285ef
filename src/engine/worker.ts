/**
 * The worker that owns a native engine: takes requests one after the other and answers each. This module is its own
 * entry: as a file when interpreted, as the whole bundle when compiled. A program's main module must therefore do
 * nothing when `isEngineWorker` is true.
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { FlashmoeError } from "../errors.ts";
import { Native } from "../native/native.ts";
import { EngineHost, type RequestContext } from "./engine-host.ts";
import type { PlainError, ReplyMessage, RequestMessage, Requests, WorkerStart } from "./protocol.ts";

/** What `new Worker` is given. */
export const workerUrl = import.meta.url;

/** True in the thread that `FlashMoE.open` started. */
export const isEngineWorker = !isMainThread && isWorkerStart(workerData);

function isWorkerStart(data: unknown): data is WorkerStart {
  return typeof data === "object" && data !== null && (data as Partial<WorkerStart>).flashmoeEngine === true;
}

if (isEngineWorker) serve(workerData as WorkerStart);

function serve(start: WorkerStart): void {
  const port = parentPort;
  if (port === null) throw new Error("an engine worker has no port to its parent");
  const native = new Native(start.libraryPath, start.trace === null ? null : new Float64Array(start.trace));
  const host = new EngineHost(native, start.control);
  const reply = (message: ReplyMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  port.on("message", (message: RequestMessage) => {
    const context: RequestContext = {
      id: message.id,
      emit: (event) => reply({ id: message.id, type: "event", event }),
    };
    try {
      const { result, transfer } = perform(host, context, message);
      host.idle();
      reply({ id: message.id, type: "done", result }, transfer);
    } catch (error) {
      host.idle();
      const session = "session" in message.args ? message.args.session : null;
      const state = session === null ? null : host.stateAfterFailure(session);
      reply({ id: message.id, type: "error", error: plainError(error), state });
    }
    if (message.kind === "close") port.close(); // nothing keeps the thread alive any more: it ends by itself
  });
}

interface Performed<K extends keyof Requests> {
  result: Requests[K]["result"];
  transfer?: ArrayBuffer[];
}

function perform(host: EngineHost, context: RequestContext, message: RequestMessage): Performed<keyof Requests> {
  switch (message.kind) {
    case "open":
      return { result: host.open(message.args) };
    case "load":
      host.load(context);
      return { result: null };
    case "trace":
      host.trace(message.args.path);
      return { result: null };
    case "stats":
      return { result: host.stats() };
    case "loadHeads":
      host.loadHeads(message.args.path);
      return { result: null };
    case "trainHeads":
      return { result: host.trainHeads(context, message.args.train) };
    case "saveHeads":
      host.saveHeads(message.args.path);
      return { result: null };
    case "headFigures":
      return { result: host.headFigures() };
    case "createSession":
      return { result: host.createSession(message.args.sampling) };
    case "loadSession":
      return { result: host.loadSession(message.args.path, message.args.sampling) };
    case "closeSession":
      host.closeSession(message.args.session);
      return { result: null };
    case "reset":
      return { result: host.reset(message.args.session) };
    case "sampling":
      host.setSampling(message.args.session, message.args.sampling);
      return { result: null };
    case "save":
      host.save(message.args.session, message.args.path, message.args.user);
      return { result: null };
    case "feed":
      host.feed(context, message.args.session, message.args.tokens);
      return { result: host.stateOf(message.args.session) };
    case "generate": {
      const outcome = host.generate(context, message.args);
      return { result: { ...outcome, state: host.stateOf(message.args.session) } };
    }
    case "logits": {
      const { logits, expertBytes } = host.logits(context, message.args.session, message.args.tokens);
      const state = host.stateOf(message.args.session);
      return { result: { logits, expertBytes, state }, transfer: [logits.buffer] };
    }
    case "score": {
      const { session, tokens, targets } = message.args;
      const scores = host.score(context, session, tokens, targets);
      return { result: { scores, state: host.stateOf(session) }, transfer: [scores.buffer] };
    }
    case "close":
      host.close();
      return { result: null };
  }
}

function plainError(error: unknown): PlainError {
  if (error instanceof FlashmoeError) {
    return { code: error.code, message: error.message, hint: error.hint, stack: error.stack };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message, hint: "", stack: error instanceof Error ? error.stack : undefined };
}
