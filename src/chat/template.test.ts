import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FlashmoeError } from "../errors.ts";
import { synthChatTemplate } from "../models/synth-template.ts";
import type { ChatMessage, ToolDefinition } from "./messages.ts";
import { ChatTemplate, renderChat, type TemplateSource } from "./template.ts";

const source = (text: string, named: Record<string, string> = {}): TemplateSource => ({
  from: "chat_template.jinja",
  default: text,
  named,
  specialTokens: { eos_token: "<|im_end|>" },
});

interface Golden {
  messages: ChatMessage[];
  options: { tools?: ToolDefinition[]; enable_thinking?: boolean; add_generation_prompt?: boolean };
  expected: string;
}

/** Made by tests/golden/tokenizer_and_chat.py with the reference Jinja. */
const golden: Golden[] = JSON.parse(
  readFileSync(join(import.meta.dir, "../../tests/golden/chat-renders.json"), "utf8"),
);

describe("renders as the reference does", () => {
  for (const [index, { messages, options, expected }] of golden.entries()) {
    test(`conversation ${index}`, () => {
      const rendered = renderChat(source(synthChatTemplate), messages, {
        tools: options.tools,
        enableThinking: options.enable_thinking,
        addGenerationPrompt: options.add_generation_prompt,
      });
      expect(rendered).toBe(expected);
    });
  }
});

describe("what templates can use", () => {
  const hi: ChatMessage[] = [{ role: "user", content: "hi" }];

  test("special tokens, further variables, range", () => {
    const text = "{{ eos_token }}{{ style }}{% for i in range(1, 4) %}{{ i }}{% endfor %}";
    expect(renderChat(source(text), hi, { variables: { style: "!" } })).toBe("<|im_end|>!123");
  });

  test("the date", () => {
    const year = String(new Date().getFullYear());
    expect(renderChat(source("{{ strftime_now('%Y-%%') }}"), hi)).toBe(`${year}-%`);
  });

  test("tools pick the template named tool_use, when there is one", () => {
    const template = new ChatTemplate(source("plain", { tool_use: "with {{ tools | length }}" }));
    const tool: ToolDefinition = { type: "function", function: { name: "f" } };
    expect(template.render(hi)).toBe("plain");
    expect(template.render(hi, { tools: [] })).toBe("plain");
    expect(template.render(hi, { tools: [tool] })).toBe("with 1");
  });

  test("thinking is left to the template unless asked for", () => {
    const text = "{{ 'unset' if enable_thinking is not defined else enable_thinking }}";
    expect(renderChat(source(text), hi)).toBe("unset");
    expect(renderChat(source(text), hi, { enableThinking: false })).toBe("false");
  });
});

describe("errors", () => {
  const failing = (text: string, messages: ChatMessage[] = [{ role: "user", content: "hi" }]): FlashmoeError => {
    try {
      renderChat(source(text), messages);
    } catch (error) {
      if (error instanceof FlashmoeError) return error;
    }
    throw new Error("no FlashmoeError was thrown");
  };

  test("a broken template is the model's fault", () => {
    for (const text of [
      "{% if x %}",
      "{{ 1 +",
      "{% for %}x{% endfor %}",
      "{{ messages[0].x.y() }}",
      "{{ no_such() }}",
    ]) {
      expect(failing(text)).toMatchObject({
        code: "model_invalid",
        message: expect.stringContaining("chat_template.jinja"),
      });
    }
  });

  test("what the template raises about the conversation is the caller's", () => {
    const messages: ChatMessage[] = [
      { role: "user", content: "hi" },
      { role: "system", content: "late" },
    ];
    const error = failing(synthChatTemplate, messages);
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toContain("The system message must come first");
  });

  test("an endless range is refused", () => {
    expect(failing("{% for i in range(1000000000) %}x{% endfor %}").message).toContain("too long");
  });
});
