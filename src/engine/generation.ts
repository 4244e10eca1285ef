/** The tokens of one `generate` call, in order, as they are made. One consumer. */
import type { FinishReason, Token } from "./types.ts";

export interface GenerationOutcome {
  reason: FinishReason;
  promptMs: number;
}

/** What feeds it: starts at once, pushes tokens, resolves at the end. */
export type GenerationSource = (push: (tokens: Token[]) => void, signal: AbortSignal) => Promise<GenerationOutcome>;

export class Generation implements AsyncIterableIterator<Token> {
  #tokens: Token[] = [];
  #outcome: GenerationOutcome | null = null;
  #error: { value: unknown } | null = null;
  #ended = false;
  #wake: (() => void) | null = null;
  readonly #stop = new AbortController();
  readonly #settled: Promise<void>;

  constructor(source: GenerationSource) {
    this.#settled = source((tokens) => this.#push(tokens), this.#stop.signal).then(
      (outcome) => {
        this.#outcome = outcome;
        this.#wake?.();
      },
      (error: unknown) => {
        this.#error = { value: error };
        this.#wake?.();
      },
    );
  }

  /** Why it ended by itself; null until then, and after an error or a `break`. */
  get reason(): FinishReason | null {
    return this.#outcome?.reason ?? null;
  }

  /** Time of the steps that fed the prompt, the one that sampled the first token among them; null until the end. */
  get promptMs(): number | null {
    return this.#outcome?.promptMs ?? null;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Token, undefined>> {
    for (;;) {
      const token = this.#tokens.shift();
      if (token !== undefined) return { done: false, value: token };
      if (this.#outcome) return { done: true, value: undefined };
      if (this.#error) {
        const { value } = this.#error;
        // Thrown once; a consumer that asks again learns that there is nothing more.
        this.#error = null;
        this.#ended = true;
        throw value;
      }
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  /** `break` in a loop: stops between two steps and waits until the session is free again. */
  async return(): Promise<IteratorResult<Token, undefined>> {
    this.#ended = true;
    this.#tokens = [];
    if (!this.#outcome) this.#stop.abort();
    await this.#settled;
    this.#error = null;
    return { done: true, value: undefined };
  }

  #push(tokens: Token[]): void {
    if (this.#ended) return;
    this.#tokens.push(...tokens);
    this.#wake?.();
  }
}
