import { describe, expect, test } from "bun:test";
import { loops, nameProblems, storyProblems, topicProblems } from "./story.ts";

const good =
  "Nora lost her kite. It flew over the hill and away. Nora ran after it, but the wind was faster.\n\n" +
  '"Have you seen my kite?" she asked an old owl. "Look up," said the owl. The kite hung in a tree, and Nora climbed up to get it.';

describe("a story", () => {
  test("that is good has no problems", () => {
    expect(storyProblems(good, { name: "Nora", words: ["kite"] })).toEqual([]);
  });

  test("reports whatever is wrong, in order", () => {
    const text = "Tom saw a owl. Tom saw a owl.";
    expect(storyProblems(text, { name: "Nora", words: ["kite"] })).toEqual([
      "Nora is named 0 times, not 3",
      "the topic's kite occurs 0 times, not 2",
      "a sentence occurs 2 times: tom saw a owl",
      "articles: a owl",
      "articles: a owl",
    ]);
  });
});

describe("the named character", () => {
  test("is named three times and to the end; other words do not count", () => {
    expect(nameProblems("Nora. Nora. The end of Nora's day", "Nora")).toEqual([]);
    expect(nameProblems("NORA and nora and Nora", "Nora")).toEqual([]);
    expect(nameProblems("Nora and Nora and Noralee", "Nora")).toEqual(["Nora is named 2 times, not 3"]);
    expect(nameProblems(`Nora, Nora, Nora. ${"He went on and on. ".repeat(5)}`, "Nora")).toEqual([
      "Nora is missing from the last third",
    ]);
  });
});

describe("the topic", () => {
  test("occurs twice, as it is or as a plural", () => {
    expect(topicProblems("A kite and two kites.", ["kite"])).toEqual([]);
    expect(topicProblems("A berry and berries.", ["berry"])).toEqual([]);
    expect(topicProblems("A fox and foxes.", ["fox"])).toEqual([]);
    expect(topicProblems("Lost, a lost kite is a kite.", ["lost", "kite"])).toEqual([]);
    expect(topicProblems("A lost kite is a kite.", ["lost", "kite"])).toEqual([
      "the topic's lost occurs 1 times, not 2",
    ]);
    expect(topicProblems("A kitchen, kitten and kitekite.", ["kite"])).toEqual([
      "the topic's kite occurs 0 times, not 2",
    ]);
  });
});

describe("loops", () => {
  test("a sentence twice, whatever its marks and case", () => {
    expect(loops("He ran home. She hid. He ran, home!")).toEqual(["a sentence occurs 2 times: he ran home"]);
    expect(loops("He ran home. He ran away.")).toEqual([]);
    expect(loops("Mr. Fox ran. Mr. Owl flew.")).toEqual([]);
  });

  test("eight words in a row three times", () => {
    const eight = "and then the cat sat on the mat";
    expect(loops(`One ${eight} two ${eight} three.`)).toEqual([]);
    expect(loops(`One ${eight} two ${eight} three ${eight} four.`)).toEqual([`8 words occur 3 times: ${eight}`]);
  });

  test("a short text has none", () => expect(loops("Yes.")).toEqual([]));
});
