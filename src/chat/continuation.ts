/**
 * Continuing a saved session: the state already holds the earlier conversation as the model saw and wrote it, so only
 * the text between the end of the last reply and the next open turn is fed. Pure.
 */
import { FlashmoeError } from "../errors.ts";
import type { ChatMessage } from "./messages.ts";
import type { ChatTemplate, RenderOptions } from "./template.ts";

/** Stands for the saved reply while a template is rendered; private-use characters, so no template or text has it. */
const marker = "\u{E0F0}reply\u{E0F1}";

/**
 * The text to feed after a state that ends with the saved reply's last token (its end-of-turn token not yet fed).
 * `saved` ends with that assistant message; `added` are the new messages, usually one user turn.
 *
 * The template is asked twice: with the reply replaced by a marker, to see what follows a reply, and as it is, to see
 * that the same text ends the whole conversation. Where it does not, the template is not append-only for these
 * messages and continuing would feed a wrong prompt: refused; the fallback is to read the whole conversation again.
 */
export function continuationText(
  template: ChatTemplate,
  saved: ChatMessage[],
  added: ChatMessage[],
  options: RenderOptions = {},
): string {
  if (saved.at(-1)?.role !== "assistant") throw refusal("the saved conversation does not end with a reply");
  if (added.length === 0) throw refusal("there is no new message");
  if (added.some((message) => message.role === "system")) throw refusal("a system message cannot be added later");
  const marked: ChatMessage[] = [...saved.slice(0, -1), { role: "assistant", content: marker }, ...added];
  const render = template.render(marked, options);
  const at = render.indexOf(marker);
  if (at < 0) throw refusal("the model's chat template leaves the last reply out");
  if (render.indexOf(marker, at + 1) >= 0) throw refusal("the model's chat template repeats the last reply");
  const suffix = render.slice(at + marker.length);
  if (!template.render([...saved, ...added], options).endsWith(suffix)) {
    throw refusal("the model's chat template renders the new messages differently after this reply");
  }
  return suffix;
}

function refusal(why: string): FlashmoeError {
  return new FlashmoeError("unsupported", `The saved session cannot be continued: ${why}.`, {
    hint: "Start a new session with the whole conversation; it is then read again from its beginning.",
  });
}
