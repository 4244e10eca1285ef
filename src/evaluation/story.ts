/** Whether a story is one: its named character stays, its topic is there, it does not run in circles, its grammar holds. Pure. */
import { grammarProblems } from "./grammar.ts";
import { holds, occurrences, sentencesOf, wordsOf } from "./match.ts";

export interface StoryWish {
  /** The character asked for. */
  name: string;
  /** Words of the topic. */
  words: string[];
}

const nameTimes = 3;
const topicTimes = 2;
const gram = 8;
const gramTimes = 3;

/** What is wrong, in order; an empty list is a good story. */
export function storyProblems(text: string, wish: StoryWish): string[] {
  return [
    ...nameProblems(text, wish.name),
    ...topicProblems(text, wish.words),
    ...loops(text),
    ...grammarProblems(text),
  ];
}

/** The character is named at least three times, and still in the last third of the text. */
export function nameProblems(text: string, name: string): string[] {
  const times = occurrences(text, name);
  if (times < nameTimes) return [`${name} is named ${times} times, not ${nameTimes}`];
  const lastThird = text.slice(Math.floor((text.length * 2) / 3));
  return holds(lastThird, name) ? [] : [`${name} is missing from the last third`];
}

/** Every word of the topic occurs at least twice; a plural counts. */
export function topicProblems(text: string, words: string[]): string[] {
  return words.flatMap((word) => {
    const times = topicForms(word).reduce((sum, form) => sum + occurrences(text, form), 0);
    return times >= topicTimes ? [] : [`the topic's ${word} occurs ${times} times, not ${topicTimes}`];
  });
}

function topicForms(word: string): string[] {
  const plural = /(?:s|x|z|ch|sh)$/i.test(word) ? `${word}es` : `${word}s`;
  return /[^aeiou]y$/i.test(word) ? [word, plural, `${word.slice(0, -1)}ies`] : [word, plural];
}

/** No sentence twice, and no eight words in a row three times. */
export function loops(text: string): string[] {
  const problems: string[] = [];
  const sentences = countEqual(sentencesOf(text).map((sentence) => wordsOf(sentence).join(" ")));
  for (const [sentence, times] of sentences) {
    if (sentence !== "" && times > 1) problems.push(`a sentence occurs ${times} times: ${sentence.slice(0, 60)}`);
  }
  const words = wordsOf(text);
  const grams = countEqual(words.slice(0, 1 - gram).map((_, at) => words.slice(at, at + gram).join(" ")));
  const looping = [...grams].find(([, times]) => times >= gramTimes);
  if (looping !== undefined) problems.push(`${gram} words occur ${looping[1]} times: ${looping[0]}`);
  return problems;
}

function countEqual(texts: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}
