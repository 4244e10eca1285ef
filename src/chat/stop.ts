/**
 * When a reply ends: stop tokens, stop strings (also across token boundaries) and the length limit. Text that may still
 * become part of a stop string is held back, so what was shown never has to be taken back. Pure.
 */

export type FinishReason = "stop" | "length" | "cancelled";

/** Cuts a growing text at the first stop string to be completed; the result does not depend on how the text is sliced. */
export class StopMatcher {
  private held = "";
  /** The stop string that ended the text, or null. */
  matched: string | null = null;
  private readonly stops: string[];

  constructor(stops: Iterable<string>) {
    this.stops = [...new Set(stops)].filter((stop) => stop !== "");
  }

  /** Returns the text that is now certain to be before any stop string. After a match nothing follows. */
  push(text: string): string {
    if (this.matched !== null || this.stops.length === 0) return this.matched === null ? text : "";
    this.held += text;
    const match = this.firstMatch();
    if (match !== null) {
      const before = this.held.slice(0, match.start);
      this.matched = match.stop;
      this.held = "";
      return before;
    }
    const keep = this.openSuffix();
    const certain = this.held.slice(0, this.held.length - keep);
    this.held = this.held.slice(this.held.length - keep);
    return certain;
  }

  /** No more text comes: what was held back is ordinary text after all. */
  finish(): string {
    const rest = this.held;
    this.held = "";
    return rest;
  }

  /** The match that ends first; of several that end together the longest. */
  private firstMatch(): { start: number; stop: string } | null {
    let best: { start: number; end: number; stop: string } | null = null;
    for (const stop of this.stops) {
      const start = this.held.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (best === null || end < best.end || (end === best.end && start < best.start)) best = { start, end, stop };
    }
    return best;
  }

  /** Length of the longest end of the held text that begins a stop string. */
  private openSuffix(): number {
    let longest = 0;
    for (const stop of this.stops) {
      for (let size = Math.min(stop.length - 1, this.held.length); size > longest; size--) {
        if (this.held.endsWith(stop.slice(0, size))) longest = size;
      }
    }
    return longest;
  }
}

/** Turns token ids into text; `Tokenizer.decoder()` of src/models fits. */
export interface ReplyDecoder {
  push(id: number): string;
  finish(): string;
}

export interface StopRules {
  tokens: Iterable<number>;
  strings: Iterable<string>;
  /** Most tokens of the reply. */
  maxTokens: number;
}

export interface ReplyStep {
  /** Text to show now. */
  text: string;
  finish: FinishReason | null;
}

/** One reply: ids in, text and finish reason out. A stop token's own text is never shown. */
export class Reply {
  /** Every id that was pushed, the stop token included. */
  readonly tokens: number[] = [];
  text = "";
  finishReason: FinishReason | null = null;
  /** The stop string or stop token that ended the reply, or null. */
  stoppedBy: string | number | null = null;
  private readonly stopTokens: Set<number>;
  private readonly matcher: StopMatcher;

  /** `decoder` is null for a model without tokenizer: then text stays empty and stop strings cannot match. */
  constructor(
    private readonly decoder: ReplyDecoder | null,
    private readonly rules: StopRules,
  ) {
    this.stopTokens = new Set(rules.tokens);
    this.matcher = new StopMatcher(rules.strings);
  }

  push(id: number): ReplyStep {
    if (this.finishReason !== null) return { text: "", finish: this.finishReason };
    this.tokens.push(id);
    if (this.stopTokens.has(id)) {
      this.stoppedBy = id;
      return this.end("stop");
    }
    const text = this.matcher.push(this.decoder?.push(id) ?? "");
    this.text += text;
    if (this.matcher.matched !== null) {
      this.finishReason = "stop";
      this.stoppedBy = this.matcher.matched;
      return { text, finish: "stop" };
    }
    if (this.tokens.length < this.rules.maxTokens) return { text, finish: null };
    const last = this.end("length");
    return { text: text + last.text, finish: last.finish };
  }

  /** Ends a reply that is cut short from outside; returns the text still held back. */
  end(reason: FinishReason): ReplyStep {
    if (this.finishReason !== null) return { text: "", finish: this.finishReason };
    const text = this.matcher.push(this.decoder?.finish() ?? "") + this.matcher.finish();
    this.text += text;
    this.finishReason = reason;
    return { text, finish: reason };
  }
}
