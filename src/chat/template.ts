/** Renders conversations with the checkpoint's own Jinja template (@huggingface/jinja). Pure: text in, text out. */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { FlashmoeError } from "../errors.ts";
import type { ChatMessage, ToolDefinition } from "./messages.ts";

export interface RenderOptions {
  tools?: ToolDefinition[];
  /** Left to the template's own default when not given. */
  enableThinking?: boolean;
  /** Opens the assistant's turn at the end. Default true. */
  addGenerationPrompt?: boolean;
  /** Further template arguments by the template's own names. */
  variables?: Record<string, unknown>;
}

/** The parts of a checkpoint's template; `ChatTemplateSource` of src/models fits. */
export interface TemplateSource {
  from: string;
  default: string;
  named: Record<string, string>;
  specialTokens: Record<string, string>;
}

type Program = ReturnType<typeof parse>;

/** What a template raises on purpose about a conversation, apart from its own defects. */
class TemplateRefusal extends Error {}

export class ChatTemplate {
  private readonly parsed = new Map<string, Program>();

  /** Parses the default template at once, so that a broken one is found when the model opens. */
  constructor(private readonly source: TemplateSource) {
    this.program("default");
  }

  render(messages: ChatMessage[], options: RenderOptions = {}): string {
    const tools = options.tools !== undefined && options.tools.length > 0 ? options.tools : undefined;
    const name = tools !== undefined && this.source.named.tool_use !== undefined ? "tool_use" : "default";
    const program = this.program(name);
    try {
      return new Interpreter(this.environment(messages, tools, options)).run(program).value as string;
    } catch (error) {
      throw this.renderError(error);
    }
  }

  private environment(
    messages: ChatMessage[],
    tools: ToolDefinition[] | undefined,
    options: RenderOptions,
  ): Environment {
    const environment = new Environment();
    const variables: Record<string, unknown> = {
      ...globals,
      ...this.source.specialTokens,
      messages,
      add_generation_prompt: options.addGenerationPrompt ?? true,
      ...(tools === undefined ? {} : { tools }),
      ...(options.enableThinking === undefined ? {} : { enable_thinking: options.enableThinking }),
      ...options.variables,
    };
    for (const [name, value] of Object.entries(variables)) environment.set(name, value);
    return environment;
  }

  private program(name: string): Program {
    const known = this.parsed.get(name);
    if (known !== undefined) return known;
    const text = name === "default" ? this.source.default : (this.source.named[name] ?? "");
    try {
      const program = parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
      this.parsed.set(name, program);
      return program;
    } catch (error) {
      throw new FlashmoeError(
        "model_invalid",
        `The chat template in ${this.source.from} cannot be parsed: ${parseText(error)}.`,
        {
          hint: "Take the template of the original release, or use --raw to prompt without one.",
          cause: error,
        },
      );
    }
  }

  private renderError(error: unknown): FlashmoeError {
    if (error instanceof TemplateRefusal) {
      return new FlashmoeError(
        "invalid_argument",
        `The model's chat template refuses this conversation: ${textOf(error)}`,
        {
          hint: "Change the messages as the template asks, or use --raw to prompt without it.",
          cause: error,
        },
      );
    }
    return new FlashmoeError("model_invalid", `The chat template in ${this.source.from} fails: ${textOf(error)}.`, {
      hint: "Take the template of the original release, or use --raw to prompt without one.",
      cause: error,
    });
  }
}

/** For a single rendering; keep a ChatTemplate to parse only once. */
export function renderChat(source: TemplateSource, messages: ChatMessage[], options: RenderOptions = {}): string {
  return new ChatTemplate(source).render(messages, options);
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}

/** The parser reads past the end of a truncated template and then fails with an error about itself. */
function parseText(error: unknown): string {
  return error instanceof TypeError ? "it ends in the middle of a statement" : textOf(error);
}

/** What templates expect to find besides their arguments. */
const globals: Record<string, unknown> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (message: unknown) => {
    throw new TemplateRefusal(String(message));
  },
  range: (start: number, stop?: number, step = 1): number[] => {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    const length = Math.max(0, Math.ceil((to - from) / step));
    if (!Number.isInteger(length) || length > 1_000_000) throw new Error("range() is too long");
    return Array.from({ length }, (_, i) => from + i * step);
  },
  strftime_now: (format: string) => formatTime(new Date(), format),
};

const two = (value: number) => String(value).padStart(2, "0");
const months = "January February March April May June July August September October November December".split(" ");

/** The strftime fields chat templates use. */
function formatTime(now: Date, format: string): string {
  return format.replace(/%([YmdBbHMSy%])/g, (_, field: string) => {
    const month = months[now.getMonth()] as string;
    switch (field) {
      case "Y":
        return String(now.getFullYear());
      case "y":
        return two(now.getFullYear() % 100);
      case "m":
        return two(now.getMonth() + 1);
      case "B":
        return month;
      case "b":
        return month.slice(0, 3);
      case "d":
        return two(now.getDate());
      case "H":
        return two(now.getHours());
      case "M":
        return two(now.getMinutes());
      case "S":
        return two(now.getSeconds());
      default:
        return "%";
    }
  });
}
