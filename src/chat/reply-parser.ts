/**
 * The parts of a reply in the family's dialect: thoughts, text, tool calls, calls that are malformed. Reads a reply as it
 * grows, so that it can be streamed; how it is sliced changes nothing but where the texts are cut. Total and pure.
 */
import type { ToolDefinition } from "./messages.ts";
import { type BlockOutcome, CallBlock, callOpen, convertCall, type ParsedToolCall } from "./tool-calls.ts";

const thoughtOpen = "<think>";
const thoughtClose = "</think>";

export type ReplyPart =
  | { kind: "thought"; text: string }
  | { kind: "text"; text: string }
  | { kind: "call"; call: ParsedToolCall; text: string }
  | { kind: "malformed"; reason: string; text: string };

export interface ReplyOptions {
  tools?: ToolDefinition[];
  /** The prompt ended inside an open thought. Default false; a reply may then still begin with `<think>`. */
  insideThought?: boolean;
}

export class ReplyParser {
  private readonly tools: ToolDefinition[];
  private held = "";
  private state: "start" | "thought" | "after-thought" | "text" = "start";
  private block: { reader: CallBlock; text: string } | null = null;

  constructor(options: ReplyOptions = {}) {
    this.tools = options.tools ?? [];
    if (options.insideThought === true) this.state = "thought";
  }

  /** True until the thought that was begun has ended. */
  get thinking(): boolean {
    return this.state === "thought";
  }

  /** Text is given out as soon as it cannot be the beginning of a tag. */
  push(piece: string): ReplyPart[] {
    const parts: ReplyPart[] = [];
    this.held += piece;
    while (this.advance(parts));
    return parts;
  }

  /** The reply has ended: what was held back is text after all, an open call is malformed. */
  finish(): ReplyPart[] {
    const parts: ReplyPart[] = [];
    if (this.block !== null) {
      this.endBlock(this.block.reader.finish(), parts);
      return parts;
    }
    this.give(this.state === "thought" ? "thought" : "text", this.held, parts);
    this.held = "";
    return parts;
  }

  /** False when more text is needed. */
  private advance(parts: ReplyPart[]): boolean {
    if (this.block !== null) return this.readBlock(this.block, parts);
    switch (this.state) {
      case "start":
        return this.start();
      case "thought":
        return this.until(thoughtClose, "thought", parts, () => {
          this.state = "after-thought";
        });
      case "after-thought":
        this.held = this.held.trimStart();
        if (this.held === "") return false;
        this.state = "text";
        return true;
      case "text":
        return this.until(callOpen, "text", parts, () => {
          this.block = { reader: new CallBlock(), text: "" };
          this.held = callOpen + this.held;
        });
    }
  }

  /** A reply may begin with a thought, after white space. */
  private start(): boolean {
    const begun = this.held.trimStart();
    if (begun.length < thoughtOpen.length && thoughtOpen.startsWith(begun)) return false;
    const thinks = begun.startsWith(thoughtOpen);
    if (thinks) this.held = begun.slice(thoughtOpen.length);
    this.state = thinks ? "thought" : "text";
    return true;
  }

  /** Gives out what is before `tag`; `then` once the tag was found and taken. */
  private until(tag: string, kind: "thought" | "text", parts: ReplyPart[], then: () => void): boolean {
    const at = this.held.indexOf(tag);
    const end = at < 0 ? this.held.length - openSuffix(this.held, tag) : at;
    this.give(kind, this.held.slice(0, end), parts);
    this.held = this.held.slice(at < 0 ? end : at + tag.length);
    if (at < 0) return false;
    then();
    return true;
  }

  private readBlock(block: { reader: CallBlock; text: string }, parts: ReplyPart[]): boolean {
    block.text += this.held;
    const piece = this.held;
    this.held = "";
    const outcome = block.reader.push(piece);
    if (outcome === null) return false;
    this.held = block.text.slice(outcome.length);
    this.endBlock(outcome, parts);
    return true;
  }

  private endBlock(outcome: BlockOutcome, parts: ReplyPart[]): void {
    const text = this.block!.text.slice(0, outcome.length);
    this.block = null;
    if (outcome.kind === "malformed") parts.push({ kind: "malformed", reason: outcome.reason, text });
    else parts.push({ kind: "call", call: convertCall(outcome.written, this.tools), text });
  }

  private give(kind: "thought" | "text", text: string, parts: ReplyPart[]): void {
    if (text !== "") parts.push({ kind, text });
  }
}

/** Whether a rendered prompt ends inside a thought, which the reply then goes on with. */
export function endsInThought(prompt: string): boolean {
  return prompt.trimEnd().endsWith(thoughtOpen);
}

export interface ParsedReply {
  /** Trimmed; null when there was none. */
  thought: string | null;
  /** False when the reply ended inside its thought. */
  thoughtEnded: boolean;
  /** Everything outside thoughts and calls, trimmed. */
  text: string;
  calls: ParsedToolCall[];
  malformed: { reason: string; text: string }[];
}

/** A whole reply at once. */
export function parseReply(text: string, options: ReplyOptions = {}): ParsedReply {
  const parser = new ReplyParser(options);
  const parts = [...parser.push(text), ...parser.finish()];
  const joined = (kind: "thought" | "text") =>
    parts.flatMap((part) => (part.kind === kind ? [part.text] : [])).join("");
  const begun = options.insideThought === true || text.trimStart().startsWith(thoughtOpen);
  return {
    thought: begun ? joined("thought").trim() : null,
    thoughtEnded: !parser.thinking,
    text: joined("text").trim(),
    calls: parts.flatMap((part) => (part.kind === "call" ? [part.call] : [])),
    malformed: parts.flatMap((part) => (part.kind === "malformed" ? [{ reason: part.reason, text: part.text }] : [])),
  };
}

/** The thought split off and nothing else: calls stay in the answer as they were written. */
export function splitThought(text: string, insideThought: boolean): { thought: string | null; answer: string } {
  const begun = insideThought ? text : text.trimStart();
  if (!insideThought && !begun.startsWith(thoughtOpen)) return { thought: null, answer: text.trim() };
  const body = insideThought ? begun : begun.slice(thoughtOpen.length);
  const end = body.indexOf(thoughtClose);
  if (end < 0) return { thought: body.trim(), answer: "" };
  return { thought: body.slice(0, end).trim(), answer: body.slice(end + thoughtClose.length).trim() };
}

/** Length of the longest end of `text` that begins `tag` without completing it. */
function openSuffix(text: string, tag: string): number {
  for (let size = Math.min(tag.length - 1, text.length); size > 0; size--) {
    if (text.endsWith(tag.slice(0, size))) return size;
  }
  return 0;
}
