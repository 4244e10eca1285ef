/** Which setting `tune` keeps. */
import { expect, test } from "bun:test";
import { winnerOf } from "./tune-stages.ts";

const same = [true, true, true];

test("the fastest that wins by 3 %, else the engine's own", () => {
  expect(winnerOf([1, 1.05, 1.1], [10, 9.5, 9], same)).toBe(2);
  expect(winnerOf([1, 1.02, 1.029], [10, 9.8, 9.72], same)).toBe(0);
  expect(winnerOf([1, 0.5, 0.9], [10, 20, 11], same)).toBe(0);
});

test("a gain must show pair by pair and in the medians", () => {
  expect(winnerOf([1, 1.2, 1.04], [10, 10.5, 9.6], same)).toBe(2);
  expect(winnerOf([1, 1.01], [10, 8], [true, true])).toBe(0);
});

test("another output never wins", () => {
  expect(winnerOf([1, 1.5, 1.1], [10, 6, 9], [true, false, true])).toBe(2);
  expect(winnerOf([1, 1.5], [10, 6], [true, false])).toBe(0);
});
