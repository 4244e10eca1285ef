/**
 * A model at work on a suite: every item through the model's own chat template, greedily, one after the other in one
 * session that is emptied between them. What cannot be asked of a model is found before it is loaded, and named.
 */
import { endsInThought } from "../chat/reply-parser.ts";
import { ChatTemplate } from "../chat/template.ts";
import type { FlashMoE } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import { grade } from "../evaluation/grade.ts";
import type { Answer, SuiteItem } from "../evaluation/items.ts";
import type { GradedItem } from "../evaluation/results.ts";
import { loadChatTemplate } from "../models/chat-template-file.ts";
import type { ModelDescription } from "../models/description.ts";
import { requireTokenizer, type Tokenizer } from "../models/tokenizer.ts";
import { streamReply } from "./stream-reply.ts";

export interface AskedItem {
  item: SuiteItem;
  ids: number[];
  /** The prompt ends inside an open thought. */
  openThought: boolean;
}

/** Items of one task that this model's template cannot express. */
export interface Unsupported {
  task: string;
  items: number;
  reason: string;
}

export interface PreparedSuite {
  tokenizer: Tokenizer;
  asked: AskedItem[];
  unsupported: Unsupported[];
}

/** Renders and tokenises all items. `onProgress` is told the items done. */
export async function prepareSuite(
  description: ModelDescription,
  items: SuiteItem[],
  onProgress: (done: number) => void,
): Promise<PreparedSuite> {
  const { directory, name, shape } = description;
  const source = await loadChatTemplate(directory);
  if (source === null) {
    throw new FlashmoeError("model_invalid", `${name} has no chat template, so it cannot be asked the suite.`, {
      hint: "Add the chat_template.jinja of the original release, or evaluate its perplexity.",
    });
  }
  const tokenizer = await requireTokenizer(directory, shape.vocab);
  const template = new ChatTemplate(source);
  const asked: AskedItem[] = [];
  const refused = new Map<string, Unsupported>();
  for (const [index, item] of items.entries()) {
    if (index % 32 === 0) await new Promise(setImmediate); // a progress bar is drawn between two turns of the loop
    onProgress(index);
    const rendered = renderItem(template, item);
    if ("text" in rendered) {
      asked.push({ item, ids: tokenizer.encode(rendered.text), openThought: endsInThought(rendered.text) });
      continue;
    }
    const entry = { task: item.task, items: 0, reason: rendered.reason };
    const key = JSON.stringify(entry);
    refused.set(key, { ...entry, items: (refused.get(key)?.items ?? 0) + 1 });
  }
  return { tokenizer, asked, unsupported: [...refused.values()] };
}

/** The prompt's text, or why the template cannot give it. */
function renderItem(template: ChatTemplate, item: SuiteItem): { text: string } | { reason: string } {
  const options = { enableThinking: item.think };
  try {
    const text = template.render(item.messages, { ...options, tools: item.tools });
    if (item.tools.length > 0 && template.render(item.messages, options) === text) {
      return { reason: "the model's chat template leaves tools out" };
    }
    const silent = item.messages.find(({ role, content }) => role !== "assistant" && !text.includes(content.trim()));
    if (silent !== undefined) return { reason: `the model's chat template leaves ${silent.role} messages out` };
    return { text };
  } catch (error) {
    if (error instanceof FlashmoeError && error.code === "invalid_argument") return { reason: error.message };
    throw error;
  }
}

export interface SuiteRun {
  model: FlashMoE;
  suite: PreparedSuite;
  signal: AbortSignal;
  /** Called after every item that was answered to its end. */
  onAnswer(answer: Answer, graded: GradedItem): void;
}

/** Ends early when the signal fires: the item in work is dropped, those before it stand. */
export async function runSuite({ model, suite, signal, onAnswer }: SuiteRun): Promise<void> {
  await using session = await model.createSession({ temperature: 0 });
  for (const [index, { item, ids, openThought }] of suite.asked.entries()) {
    if (index > 0) await session.reset();
    if (signal.aborted) return;
    const { reply, tokens, promptMs } = await streamReply({
      session,
      prompt: ids,
      tokenizer: suite.tokenizer,
      stopTokens: model.description.eosTokenIds,
      stopStrings: [],
      maxTokens: item.maxTokens,
      signal,
      onText: () => {},
      onPrompt: () => {},
    });
    if (reply.finishReason === "cancelled") return;
    const answer: Answer = { id: item.id, text: reply.text, tokens: reply.tokens, openThought };
    const decodeMs = tokens.slice(1).reduce((sum, token) => sum + token.stepMs, 0);
    onAnswer(answer, {
      item,
      grade: grade(item, reply.text, openThought),
      tokens: reply.tokens.length,
      cost: { promptTokens: ids.length, promptMs, decodeTokens: tokens.length - 1, decodeMs },
    });
  }
}
