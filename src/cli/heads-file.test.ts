/** When trained heads stay out. */
import { expect, test } from "bun:test";
import { objection } from "./heads-file.ts";

const plan = (slotCount: number, limitBytes = 1000, minimumBytes = 500) => ({ slotCount, limitBytes, minimumBytes });

test("heads are used while they take the place of a tenth of the cached experts at most", () => {
  expect(objection(plan(200), plan(180), 768)).toBeNull();
  expect(objection(plan(200), plan(179), 768)).toBe("dear");
  expect(objection(plan(200, 0), plan(200, 0), 768)).toBeNull();
});

test("heads stay out where every expert is resident, and where only the model fits", () => {
  expect(objection(plan(768), plan(700), 768)).toBe("idle");
  expect(objection(plan(20), plan(0, 1000, 1001), 768)).toBe("no room");
  // The model's own refusal is told by its opening.
  expect(objection(plan(0, 1000, 1001), plan(0, 1000, 1200), 768)).toBeNull();
});
