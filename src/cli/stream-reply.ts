/**
 * One reply: tokens from a session, text to whoever shows it, until a stop rule, the length, the context or a cancel ends
 * it. Afterwards the session holds exactly the tokens that are reported, so that it can be saved and continued.
 */
import { Reply } from "../chat/stop.ts";
import type { FeedProgress, Session, Token } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { Tokenizer } from "../models/tokenizer.ts";

export interface ReplyRequest {
  session: Session;
  prompt: number[];
  /** Null for a model without one: the text stays empty. */
  tokenizer: Tokenizer | null;
  stopTokens: number[];
  stopStrings: string[];
  /** Undefined: until the context is full. */
  maxTokens: number | undefined;
  signal: AbortSignal;
  onText(text: string): void;
  onPrompt(progress: FeedProgress): void;
}

export interface ReplyOutcome {
  reply: Reply;
  /** One per id of the reply. */
  tokens: Token[];
  promptMs: number;
  /** The context ended it. */
  contextFull: boolean;
}

/** What is learnt besides the tokens while they stream. */
interface Course {
  reply: Reply;
  promptMs: number | null;
  contextFull: boolean;
}

export async function streamReply(request: ReplyRequest): Promise<ReplyOutcome> {
  const { signal, onText } = request;
  const reply = new Reply(request.tokenizer?.decoder() ?? null, {
    tokens: request.stopTokens,
    strings: request.stopStrings,
    maxTokens: request.maxTokens ?? Number.POSITIVE_INFINITY,
  });
  const course: Course = { reply, promptMs: null, contextFull: false };
  const tokens: Token[] = [];
  const startedAt = performance.now();
  let firstMs = 0;
  const stream = request.stopStrings.length > 0 ? oneByOne(request, course) : runAhead(request, course);
  try {
    for await (const token of stream) {
      if (tokens.length === 0) firstMs = performance.now() - startedAt;
      tokens.push(token);
      onText(reply.push(token.id).text);
    }
  } catch (error) {
    if (!(error instanceof FlashmoeError && error.code === "cancelled" && signal.aborted)) throw error;
  }
  onText(reply.end(signal.aborted ? "cancelled" : "length").text);
  return { reply, tokens, promptMs: course.promptMs ?? firstMs, contextFull: course.contextFull };
}

/** The engine does not wait for the text. It ends at the same token as the reply: both have the same rules. */
async function* runAhead(request: ReplyRequest, course: Course): AsyncGenerator<Token, void> {
  const { session, prompt, maxTokens, stopTokens, signal, onPrompt } = request;
  const generation = session.generate({ prompt, maxTokens, stopTokens, signal, onProgress: onPrompt });
  yield* generation;
  course.promptMs = generation.promptMs;
  course.contextFull = generation.reason === "context";
}

/** Stop strings are found in the text, so the engine must not go on before the text was looked at: it cannot go back. */
async function* oneByOne(request: ReplyRequest, course: Course): AsyncGenerator<Token, void> {
  const { session, stopTokens, signal, onPrompt } = request;
  for (let prompt = request.prompt; ; prompt = []) {
    const generation = session.generate({ prompt, maxTokens: 1, stopTokens, signal, onProgress: onPrompt });
    let token: Token | undefined;
    for await (const made of generation) token = made;
    course.promptMs ??= generation.promptMs;
    if (token === undefined) return;
    yield token;
    if (course.reply.finishReason !== null) return;
    // The token just made waits to be fed; where it finds no room, no other can follow.
    course.contextFull = session.position > session.context;
    if (course.contextFull) return;
  }
}
