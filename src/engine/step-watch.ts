/**
 * What is told of a prompt while its steps run: the worker's news of whole steps, and between them what a look at the
 * native core shows of the running one. The two come by different ways, so a look may be at a step that is not the next
 * of what the worker told last; such a look is passed over.
 */
import type { StepProgress } from "../native/bindings.gen.ts";
import type { StructOf } from "../native/layout.ts";
import type { FeedProgress } from "./types.ts";

export class StepWatch {
  readonly #firstPosition: number;
  #told: FeedProgress;
  /** Bytes that the whole steps have read. */
  #stepsBytes = 0;

  /** `firstPosition` is the session's before the first step. */
  constructor(firstPosition: number, totalTokens: number) {
    this.#firstPosition = firstPosition;
    this.#told = { doneTokens: 0, totalTokens, readBytes: 0, step: null };
  }

  /** All tokens are fed: nothing more to see. */
  get done(): boolean {
    return this.#told.doneTokens >= this.#told.totalTokens;
  }

  /** A step has ended. */
  ended(progress: FeedProgress): void {
    this.#told = progress;
    this.#stepsBytes = progress.readBytes;
  }

  /** What is new in a look, else null. */
  look({ position, tokens, doneLayers, layers, expertBytes }: StructOf<typeof StepProgress>): FeedProgress | null {
    const { doneTokens, totalTokens, step } = this.#told;
    if (layers === 0 || position !== this.#firstPosition + doneTokens) return null;
    if (doneLayers === (step?.doneLayers ?? 0)) return null;
    const readBytes = this.#stepsBytes + expertBytes;
    this.#told = { doneTokens, totalTokens, readBytes, step: { tokens, doneLayers, layers } };
    return this.#told;
  }
}

/** Tokens done, those of the running step by the share of its layers: grows evenly, to draw a bar and estimate time. */
export function progressTokens({ doneTokens, step }: FeedProgress): number {
  return step === null ? doneTokens : doneTokens + (step.tokens * step.doneLayers) / step.layers;
}
