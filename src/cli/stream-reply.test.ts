/** One reply over a real engine: how it ends, and that the session then holds what was reported. */
import { describe, expect, test } from "bun:test";
import { tinyModels } from "../../tests/kit/tiny-model.ts";
import { FlashMoE } from "../engine/index.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { type RunStatistics, runResult } from "./run-result.ts";
import { type ReplyRequest, streamReply } from "./stream-reply.ts";

const tiny = tinyModels();
const none = {} as RunStatistics;

async function withSession<T>(
  work: (request: ReplyRequest, abort: () => void) => Promise<T>,
  context = 256,
): Promise<T> {
  const description = await tiny();
  await using model = await FlashMoE.open(description, { context, chunkTokens: 8 });
  await using session = await model.createSession();
  const controller = new AbortController();
  const request: ReplyRequest = {
    session,
    prompt: [5, 6, 7],
    tokenizer: await requireTokenizer(description.directory, description.shape.vocab),
    stopTokens: [],
    stopStrings: [],
    maxTokens: undefined,
    signal: controller.signal,
    onText() {},
    onPrompt() {},
  };
  return await work(request, () => controller.abort());
}

describe("a reply", () => {
  test("cancelled while it is written keeps what was said, and the session the same tokens", async () => {
    await withSession(async (request, abort) => {
      let heard = "";
      let pieces = 0;
      const outcome = await streamReply({
        ...request,
        onText: (text) => {
          heard += text;
          if (++pieces === 3) abort();
        },
      });
      const { reply, tokens } = outcome;
      expect(reply.finishReason).toBe("cancelled");
      expect(heard).toBe(reply.text);
      expect(tokens.map(({ id }) => id)).toEqual(reply.tokens);
      expect(tokens.length).toBeGreaterThanOrEqual(3);
      expect(request.session.position).toBe(3 + tokens.length);
      const result = runResult(await tiny(), true, request.prompt, outcome, none, false);
      expect([result.finish_reason, result.tokens, result.text]).toEqual(["cancelled", reply.tokens, reply.text]);
      expect("logprobs" in result).toBe(false);
    });
  });

  test("cancelled while the prompt is read has no tokens", async () => {
    await withSession(async (request, abort) => {
      const prompt = Array.from({ length: 200 }, (_, i) => i + 5);
      const { reply, tokens } = await streamReply({ ...request, prompt, onPrompt: abort });
      expect([reply.finishReason, reply.text, tokens]).toEqual(["cancelled", "", []]);
      expect(request.session.position).toBeLessThan(200);
    });
  });

  test("with stop strings makes no token beyond the stop, with or without a limit", async () => {
    const whole = await withSession((request) => streamReply({ ...request, maxTokens: 40 }));
    const stop = /[ -~]{2}/.exec(whole.reply.text.slice(2))![0];
    for (const maxTokens of [40, undefined]) {
      await withSession(async (request) => {
        const { reply, tokens } = await streamReply({ ...request, maxTokens, stopStrings: [stop] });
        expect([reply.finishReason, reply.stoppedBy]).toEqual(["stop", stop]);
        expect(reply.text).toBe(whole.reply.text.slice(0, whole.reply.text.indexOf(stop)));
        expect(reply.tokens).toEqual(whole.reply.tokens.slice(0, tokens.length));
        expect(request.session.position).toBe(3 + tokens.length);
      });
    }
  });

  test("ends with the context, one by one as well as running ahead", async () => {
    for (const stopStrings of [[], ["never in there"]]) {
      await withSession(async (request) => {
        const { reply, tokens, contextFull } = await streamReply({ ...request, stopStrings });
        expect([reply.finishReason, contextFull]).toEqual(["length", true]);
        // The last token is reported though nothing can follow it: 16 fed, one waiting.
        expect(tokens.length).toBe(16 - 3 + 1);
      }, 16);
    }
  });

  test("an engine's failure is no cancel", async () => {
    const failed = withSession((request) => streamReply({ ...request, prompt: Array(300).fill(5) }));
    await expect(failed).rejects.toMatchObject({ code: "context_full" });
  });
});
