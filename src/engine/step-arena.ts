/**
 * The memory a step crosses with: one item, its tokens, and the places for what it asks for, in one allocation that
 * grows to the largest step and is then reused. Used by the worker only.
 */
import { maxTopLogprobs, noneU32, StepFlag, StepItem, TopLogprob } from "../native/bindings.gen.ts";
import { allocate, readStruct, writeStruct } from "../native/layout.ts";
import type { TopToken } from "./types.ts";

export interface StepRequest {
  session: number;
  tokens: Uint32Array;
  sample?: boolean;
  /** Logits after every token, f32 [tokens, vocab]. */
  logits?: { vocab: number };
  /** targets[i] is scored after tokens[i]; noneU32 entries are skipped. */
  targets?: Uint32Array;
}

export class StepArena {
  #view = allocate(4096);
  #tokens = 0;
  #top = 0;
  #scores = 0;
  #logits = 0;
  #logitsCount = 0;
  #tokenCount = 0;

  get view(): DataView {
    return this.#view;
  }

  /** Bytes in use by the step that was written last. */
  write(step: StepRequest): number {
    const count = step.tokens.length;
    let bytes = StepItem.size;
    const take = (amount: number): number => {
      const offset = bytes;
      bytes += amount;
      return offset;
    };
    this.#tokenCount = count;
    this.#tokens = take(4 * count);
    this.#top = take(step.sample ? TopLogprob.size * maxTopLogprobs : 0);
    const targets = take(step.targets ? 4 * count : 0);
    this.#scores = take(step.targets ? 4 * count : 0);
    this.#logitsCount = step.logits ? count * step.logits.vocab : 0;
    this.#logits = take(4 * this.#logitsCount);
    bytes = Math.ceil(bytes / 8) * 8;
    if (this.#view.byteLength < bytes) this.#view = allocate(Math.max(bytes, 2 * this.#view.byteLength));

    writeStruct(this.#view, 0, StepItem, {
      session: step.session,
      flags:
        (step.sample ? StepFlag.sample : 0) |
        (step.logits ? StepFlag.logitsAll : 0) |
        (step.targets ? StepFlag.score : 0),
      tokensOffset: this.#tokens,
      tokenCount: count,
      logitsOffset: this.#logits,
      targetsOffset: targets,
      scoresOffset: this.#scores,
      topOffset: this.#top,
      sampled: noneU32,
    });
    new Uint32Array(this.#view.buffer, this.#tokens, count).set(step.tokens);
    if (step.targets) new Uint32Array(this.#view.buffer, targets, count).set(step.targets);
    return bytes;
  }

  result(): { sampled: number; logprob: number; position: number; expertBytes: number } {
    const { sampled, logprob, position, expertBytes } = readStruct(this.#view, 0, StepItem);
    return { sampled, logprob, position, expertBytes };
  }

  top(count: number): TopToken[] {
    return Array.from({ length: count }, (_, i) => readStruct(this.#view, this.#top + TopLogprob.size * i, TopLogprob));
  }

  /** A copy. */
  scores(): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#buffer(), this.#scores, this.#tokenCount).slice();
  }

  /** A copy, f32 [tokens, vocab]. */
  logits(): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#buffer(), this.#logits, this.#logitsCount).slice();
  }

  #buffer(): ArrayBuffer {
    return this.#view.buffer as ArrayBuffer;
  }
}
