/** Numbers as people read them. */
import { expect, test } from "bun:test";
import { formatWait } from "./format.ts";

test("a wait is told in the unit it is felt in, never as nothing", () => {
  const waits = [0, 0.4, 75, 89.4, 90, 600, 5369, 5400, 7500].map(formatWait);
  expect(waits).toEqual(["1 s", "1 s", "75 s", "89 s", "2 min", "10 min", "89 min", "1 h 30 min", "2 h 5 min"]);
});
