import { describe, expect, test } from "bun:test";
import { synthChatTemplate } from "../models/synth-template.ts";
import { continuationText } from "./continuation.ts";
import type { ChatMessage } from "./messages.ts";
import { ChatTemplate } from "./template.ts";

const templateOf = (text: string) => new ChatTemplate({ from: "test", default: text, named: {}, specialTokens: {} });
const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });

/** A template that keeps every reply as it was. */
const plain = `{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;

describe("continuing a saved session", () => {
  test("with a template that keeps replies, state and continuation join to the full rendering", () => {
    const template = templateOf(plain);
    const saved = [user("a"), assistant("reply")];
    const state = `${template.render([user("a")])}reply`;
    const text = continuationText(template, saved, [user("b")]);
    expect(text).toBe("</><user>b</><assistant>");
    expect(state + text).toBe(template.render([...saved, user("b")]));
  });

  test("with a template that drops old thoughts, the state keeps what the model saw", () => {
    const template = templateOf(synthChatTemplate);
    const saved = [user("a"), assistant("<think>\nhm\n</think>\n\nreply")];
    const text = continuationText(template, saved, [user("b")], { enableThinking: false });
    expect(text).toBe("<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
  });

  test("tool results continue a turn", () => {
    const template = templateOf(synthChatTemplate);
    const call = { type: "function" as const, function: { name: "f", arguments: {} } };
    const saved: ChatMessage[] = [user("a"), { role: "assistant", content: "", tool_calls: [call] }];
    const text = continuationText(template, saved, [{ role: "tool", content: "42" }]);
    expect(text).toBe(
      "<|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n<|im_start|>assistant\n<think>\n",
    );
  });

  test("replies that look like template text do no harm", () => {
    const template = templateOf(plain);
    for (const reply of ["", "</><user>b</>", "\u{E0F0}", "{{ messages }}"]) {
      expect(continuationText(template, [user("a"), assistant(reply)], [user("b")])).toBe("</><user>b</><assistant>");
    }
  });

  const refused: [string, string, ChatMessage[], ChatMessage[]][] = [
    ["the saved conversation ends with a question", plain, [user("a")], [user("b")]],
    ["nothing is added", plain, [user("a"), assistant("r")], []],
    ["a system message is added", plain, [user("a"), assistant("r")], [{ role: "system", content: "s" }]],
    [
      "the template drops replies",
      "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
      [user("a"), assistant("r")],
      [user("b")],
    ],
    [
      "the template repeats replies",
      "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
      [user("a"), assistant("r")],
      [user("b")],
    ],
    [
      "the new turn depends on the reply",
      "{% for m in messages %}{{ m.content }}|{{ messages[1].content | length }}{% endfor %}",
      [user("a"), assistant("r")],
      [user("b")],
    ],
  ];
  for (const [why, text, saved, added] of refused) {
    test(`refused when ${why}`, () => {
      expect(() => continuationText(templateOf(text), saved, added)).toThrow(
        expect.objectContaining({ code: "unsupported", hint: expect.stringContaining("whole conversation") }),
      );
    });
  }
});
