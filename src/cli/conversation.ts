/** What `run` feeds the model: ids from a raw text or from rendered chat turns, and how a saved conversation goes on. */
import { continuationText } from "../chat/continuation.ts";
import type { ChatMessage } from "../chat/messages.ts";
import { endsInThought } from "../chat/reply-parser.ts";
import { ChatTemplate } from "../chat/template.ts";
import { FlashmoeError } from "../errors.ts";
import { loadChatTemplate } from "../models/chat-template-file.ts";
import type { ModelDescription } from "../models/description.ts";
import type { Tokenizer } from "../models/tokenizer.ts";
import type { SavedConversation } from "./session-file.ts";
import { usage } from "./usage.ts";

export interface PromptRequest {
  text: string;
  system: string | undefined;
  raw: boolean;
  think: boolean | undefined;
  /** Null for a new conversation. */
  saved: SavedConversation | null;
}

export interface PreparedPrompt {
  ids: number[];
  /** The conversation up to the new turn; null when no template is used. */
  messages: ChatMessage[] | null;
  /** It ends inside a thought that the template has opened. */
  openThought: boolean;
}

export async function preparePrompt(
  description: ModelDescription,
  tokenizer: Tokenizer,
  request: PromptRequest,
): Promise<PreparedPrompt> {
  if (request.raw) return { ids: tokenizer.encode(request.text), messages: null, openThought: false };
  const source = await loadChatTemplate(description.directory);
  if (source === null) {
    throw new FlashmoeError("model_invalid", `${description.name} has no chat template.`, {
      hint: "Use --raw to complete the text as it is.",
    });
  }
  const template = new ChatTemplate(source);
  checkSwitch(template, request.think);
  const options = { enableThinking: request.think };
  const turn: ChatMessage = { role: "user", content: request.text };
  if (request.saved !== null) return continueConversation(template, tokenizer, request.saved, turn, options);
  const messages: ChatMessage[] =
    request.system === undefined ? [turn] : [{ role: "system", content: request.system }, turn];
  const text = template.render(messages, options);
  if (!text.includes((request.system ?? "").trim())) {
    throw usage(
      "the model's chat template leaves the system message out.",
      "Leave --system out, and ask in the prompt.",
    );
  }
  return { ids: tokenizer.encode(text), messages, openThought: endsInThought(text) };
}

/** Refuses --think and --no-think where they would change nothing. */
function checkSwitch(template: ChatTemplate, think: boolean | undefined): void {
  if (think === undefined) return;
  const rendered = (enableThinking: boolean) => template.render([{ role: "user", content: "." }], { enableThinking });
  if (rendered(true) !== rendered(false)) return;
  throw usage("the model's chat template has no switch for thoughts.", "Leave --think and --no-think out.");
}

function continueConversation(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  saved: SavedConversation,
  turn: ChatMessage,
  options: { enableThinking: boolean | undefined },
): PreparedPrompt {
  if (saved.messages.length === 0) {
    throw usage(
      "the session was made with --raw or --token-ids and holds no conversation.",
      "Continue it with --raw or --token-ids, or start another session file.",
    );
  }
  const text = continuationText(template, saved.messages, [turn], options);
  const ids = tokenizer.encode(text);
  // The text begins with the end of the reply's turn. When the model ended the turn itself, that token waits in the state.
  const ended = saved.lastToken !== null && ids[0] === saved.lastToken;
  return {
    ids: ended ? ids.slice(1) : ids,
    messages: [...saved.messages, turn],
    openThought: endsInThought(text),
  };
}
