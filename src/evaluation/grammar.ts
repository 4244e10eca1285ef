/**
 * English grammar by rules that can be stated: each looks at a text alone and lists what breaks it, with the words around
 * it. They find typical slips of small models; they do not prove that a text is good English. Pure.
 */

/** All rules by name; docs/quality.md describes them. */
export const grammarRules = {
  articles,
  capitals,
  quotes,
  doubledWords,
  ending,
  spaceBeforeMarks,
} satisfies Record<string, (text: string) => string[]>;

/** The first slips of every rule, as "rule: words". */
export function grammarProblems(text: string): string[] {
  return Object.entries(grammarRules).flatMap(([name, rule]) => rule(text).map((slip) => `${name}: ${slip}`));
}

/** Written with a vowel, spoken with a consonant: "a unicorn", "a European", "a one-eyed cat". */
const spokenWithConsonant =
  /^(?:eu|ewe|once\b|ones?\b|ouija|u$|u-|ubiq|uk|uni(?![dmn])|unanim|ura|ure|uri|uru|us(?:a|e|u|ing)|ut(?:e|il|o))/i;
/** Written with a consonant, spoken with a vowel: a silent h, and letters and numbers read out. */
const spokenWithVowel = /^(?:hour|honest|honou?r|heir|8|11(?!\d)|18(?!\d)|[fhlmnrsx](?:$|-))/i;
/** Spoken either way: by region, or as a word or letter by letter. */
const spokenEitherWay = /^(?:herb|\p{Lu}{2,}s?$)/u;

/** "a" before a consonant's sound, "an" before a vowel's. */
export function articles(text: string): string[] {
  const slips: string[] = [];
  for (const match of text.matchAll(/(?<![\p{L}\p{N}'’.-])(an?)\s+["“'‘(]?([\p{L}\p{N}][\p{L}\p{N}'’-]*)/giu)) {
    const [, article, word] = match as unknown as [string, string, string];
    // A capital inside a sentence is a letter's name, as in "plan A is better".
    if (article === "A" && !opensSentence(text, match.index)) continue;
    if (spokenEitherWay.test(word)) continue;
    if ((article.toLowerCase() === "an") !== vowelSound(word)) slips.push(`${article} ${word}`);
  }
  return slips;
}

function vowelSound(word: string): boolean {
  return spokenWithVowel.test(word) || (/^[aeiou]/i.test(word) && !spokenWithConsonant.test(word));
}

function opensSentence(text: string, at: number): boolean {
  return /(?:^|[.!?:\n]["”’')]*\s*|["“‘(])$/u.test(text.slice(0, at).replace(/[ \t]+$/, ""));
}

const abbreviations = /(?:^|[\s"“(])(?:Mr|Mrs|Ms|Dr|St|vs|etc|e\.g|i\.e|a\.m|p\.m)\.$/;

/** A capital opens the text and follows . ! ?; after ! or ? inside quotes the sentence may go on: "Stop!" said Nora. */
export function capitals(text: string): string[] {
  const slips: string[] = [];
  const first = /^[^\p{L}\p{N}]*([\p{L}\p{N}])/u.exec(text);
  if (first !== null && /\p{Ll}/u.test(first[1]!)) slips.push(text.trim().slice(0, 20));
  for (const match of text.matchAll(/([.!?]+)(["”’')]*)\s+["“‘'(]*(\p{Ll}[\p{L}'’-]*)/gu)) {
    const [, marks, closing, word] = match as unknown as [string, string, string, string];
    const goesOn = (closing !== "" && !marks.endsWith(".")) || marks.endsWith("...");
    const stop = text.slice(0, match.index + marks.length);
    if (!goesOn && !abbreviations.test(stop)) slips.push(`${stop.slice(-15)}${closing} ${word}`);
  }
  return slips;
}

/** Double quotes come in pairs within a paragraph; curly ones open before they close. */
export function quotes(text: string): string[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    if ((paragraph.match(/"/g)?.length ?? 0) % 2 === 1)
      return [`an odd number of " in: ${paragraph.trim().slice(0, 40)}`];
    let open = 0;
    for (const [mark] of paragraph.matchAll(/[“”]/g)) {
      open += mark === "“" ? 1 : -1;
      if (open !== 0 && open !== 1) break;
    }
    return open === 0 ? [] : [`curly quotes do not match in: ${paragraph.trim().slice(0, 40)}`];
  });
}

/** English may say these twice: "all that he had had", "so that that one". */
const rightlyDoubled = new Set(["had", "that"]);

/** No word twice with nothing but white space between. */
export function doubledWords(text: string): string[] {
  const pattern = /(?<![\p{L}\p{N}'’-])([\p{L}\p{N}]+(?:['’][\p{L}]+)?)\s+\1(?![\p{L}\p{N}'’-])/giu;
  return [...text.matchAll(pattern)]
    .filter(([, word]) => !rightlyDoubled.has(word!.toLowerCase()))
    .map(([pair]) => pair);
}

/** The text ends with . ! or ?, or with a closing quote after one. */
export function ending(text: string): string[] {
  const trimmed = text.trim();
  return /[.!?]["”’')]*$/u.test(trimmed) ? [] : [trimmed.slice(-20) || "nothing"];
}

/** No white space before , . ; : ! ?, unless a digit or another full stop follows, as in " .5" or " ...". */
export function spaceBeforeMarks(text: string): string[] {
  return [...text.matchAll(/\S*\s+(?:[,;:!?]|\.(?![\d.]))/g)].map(([piece]) => piece.trim());
}
