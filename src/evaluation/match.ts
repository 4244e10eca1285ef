/** Words in a text: whole words, whatever their case; how answers are searched. Pure. */

/** Where `words` stands in `text`: a letter or digit at its edge has no other beside it, white space matches any. */
export function occurrences(text: string, words: string): number {
  return [...text.matchAll(pattern(words))].length;
}

export function holds(text: string, words: string): boolean {
  return text.search(pattern(words)) >= 0;
}

function pattern(words: string): RegExp {
  const inner = words
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
    .join("\\s+");
  const before = /^[\p{L}\p{N}]/u.test(words.trim()) ? "(?<![\\p{L}\\p{N}])" : "";
  const after = /[\p{L}\p{N}]$/u.test(words.trim()) ? "(?![\\p{L}\\p{N}])" : "";
  return new RegExp(`${before}${inner}${after}`, "giu");
}

/** The words of a text, lower case, without marks around them; an apostrophe inside stays. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}

/** A full stop after these, or after the number of a list's line, ends no sentence. */
const openEnd = /(?:^|[\s"“(])(?:Mr|Mrs|Ms|Dr|St|vs|e\.g|i\.e)\.$|^\d+\.$/;

/** Sentences end at . ! or ? with the closing quotes after it, before white space or the end. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let begun = "";
  for (const piece of text.split(/(?<=[.!?]["”’')\]]*)\s+/u)) {
    begun = begun === "" ? piece.trim() : `${begun} ${piece.trim()}`;
    if (openEnd.test(begun)) continue;
    sentences.push(begun);
    begun = "";
  }
  sentences.push(begun);
  return sentences.filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
}

/** The last number of a text, commas removed: "- 5" is -5, but 12 - 5 ends with 5. Null where there is none. */
export function lastNumber(text: string): number | null {
  const last = [...text.matchAll(/\d(?:[\d,]*\d)?(?:\.\d+)?/g)].at(-1);
  if (last === undefined) return null;
  const before = text.slice(0, last.index);
  const sign = /[-\u2212]\s*$/.test(before) && !/[\d)]\s*[-\u2212]\s*$/.test(before) ? -1 : 1;
  return sign * Number(last[0].replaceAll(",", ""));
}
