/** The drawing of `bench --plot`: tokens per second and hit rate against the memory limit, as a standalone SVG. Pure. */

export interface PlotPoint {
  memoryBytes: number;
  tokensPerS: number;
  /** 0 to 1. */
  hitRate: number;
}

export interface PlotText {
  /** Carries K and bits, as every speed does. */
  title: string;
}

const width = 720;
const height = 420;
const left = 64;
const right = 64;
const top = 48;
const bottom = 56;

/** Points in any order; at least one. Speed on the left axis, hit rate on the right one. */
export function plotOf(points: readonly PlotPoint[], { title }: PlotText): string {
  const sorted = [...points].sort((a, b) => a.memoryBytes - b.memoryBytes);
  const gib = sorted.map((point) => point.memoryBytes / 2 ** 30);
  const span = axis(Math.min(...gib), Math.max(...gib));
  const speed = niceTop(Math.max(...sorted.map((point) => point.tokensPerS)));
  const x = (value: number) => left + ((value - span.low) / (span.high - span.low)) * (width - left - right);
  const y = (share: number) => height - bottom - share * (height - top - bottom);
  const path = (share: (point: PlotPoint) => number) =>
    sorted.map((point, i) => `${i === 0 ? "M" : "L"}${round(x(gib[i]!))} ${round(y(share(point)))}`).join(" ");
  const dots = (share: (point: PlotPoint) => number, colour: string) =>
    sorted.map(
      (point, i) => `<circle cx="${round(x(gib[i]!))}" cy="${round(y(share(point)))}" r="3.5" fill="${colour}"/>`,
    );
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line x1="${left}" x2="${width - right}" y1="${round(y(share))}" y2="${round(y(share))}" stroke="#ddd"/>`,
    label(left - 8, y(share) + 4, "end", short(share * speed), "#0a5"),
    label(width - right + 8, y(share) + 4, "start", `${Math.round(100 * share)} %`, "#06c"),
  ]);
  const ticks = gib.flatMap((value) => [
    `<line x1="${round(x(value))}" x2="${round(x(value))}" y1="${y(0)}" y2="${y(0) + 5}" stroke="#555"/>`,
    label(x(value), y(0) + 20, "middle", short(value), "#333"),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    label(width / 2, 24, "middle", title, "#000"),
    ...grid,
    ...ticks,
    label(width / 2, height - 16, "middle", "memory limit, GiB", "#333"),
    label(left, 40, "middle", "tok/s", "#0a5"),
    label(width - right, 40, "middle", "hit rate", "#06c"),
    `<path d="${path((point) => point.tokensPerS / speed)}" fill="none" stroke="#0a5" stroke-width="2"/>`,
    ...dots((point) => point.tokensPerS / speed, "#0a5"),
    `<path d="${path((point) => point.hitRate)}" fill="none" stroke="#06c" stroke-width="2" stroke-dasharray="6 4"/>`,
    ...dots((point) => point.hitRate, "#06c"),
    "</svg>",
    "",
  ].join("\n");
}

/** A single size still needs an axis with two ends. */
function axis(low: number, high: number): { low: number; high: number } {
  return low < high ? { low, high } : { low: low * 0.5, high: high * 1.5 };
}

/** The smallest 1, 2, 2.5 or 5 times a power of ten that is not below. */
function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value)!;
}

function label(x: number, y: number, anchor: "start" | "middle" | "end", text: string, colour: string): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${colour}">${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function short(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
