/** The drawing of a sweep. */
import { expect, test } from "bun:test";
import { plotOf } from "./plot.ts";

const GIB = 2 ** 30;

/** Coordinates of the circles of one colour, in the order drawn. */
function dots(svg: string, colour: string): [number, number][] {
  const pattern = new RegExp(`<circle cx="([\\d.]+)" cy="([\\d.]+)" r="3.5" fill="${colour}"/>`, "g");
  return [...svg.matchAll(pattern)].map((match) => [Number(match[1]), Number(match[2])]);
}

test("points are drawn left to right by memory, faster is higher", () => {
  const svg = plotOf(
    [
      { memoryBytes: 8 * GIB, tokensPerS: 4, hitRate: 0.5 },
      { memoryBytes: 4 * GIB, tokensPerS: 1, hitRate: 0.1 },
    ],
    { title: "a < b & c" },
  );
  const speed = dots(svg, "#0a5");
  expect(speed).toHaveLength(2);
  expect(speed[0]![0]).toBeLessThan(speed[1]![0]);
  expect(speed[0]![1]).toBeGreaterThan(speed[1]![1]);
  expect(dots(svg, "#06c")).toHaveLength(2);
  expect(svg).toContain("a &lt; b &amp; c");
  expect(svg).not.toContain("NaN");
});

test("one point, and a speed of zero, are drawn inside the frame", () => {
  for (const tokensPerS of [0, 0.003, 12345]) {
    const svg = plotOf([{ memoryBytes: GIB, tokensPerS, hitRate: 1 }], { title: "x" });
    expect(svg).not.toContain("NaN");
    for (const [x, y] of [...dots(svg, "#0a5"), ...dots(svg, "#06c")]) {
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(720);
      expect(y).toBeGreaterThanOrEqual(48);
      expect(y).toBeLessThan(420);
    }
  }
});
