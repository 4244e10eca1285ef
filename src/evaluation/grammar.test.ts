import { describe, expect, test } from "bun:test";
import {
  articles,
  capitals,
  doubledWords,
  ending,
  grammarProblems,
  grammarRules,
  quotes,
  spaceBeforeMarks,
} from "./grammar.ts";

/** Every rule passes these whole. */
const goodTexts = [
  'Once upon a time, there was an old fox named Nora. She lived in a unique house near the lake.\n\n"Is that an hour\'s walk?" asked an owl. "No," said Nora, "it is only a one-minute walk!"',
  'Tom found a kite. "Stop!" he cried. "That is mine." The kite... well, it flew on.',
  "Mr. Bell had a European hat, an heirloom, and a used umbrella. He had had it for 11 years!",
  "“I am an honest bear,” said Ursula. “And I am a unicorn,” said her friend.",
  "It was an 8-mile walk at 7 a.m. and nobody minded.",
];

describe("good English breaks no rule", () => {
  test.each(goodTexts)("%s", (text) => expect(grammarProblems(text)).toEqual([]));
});

/** [rule, texts that keep it, texts that break it with what is reported]. */
const cases: [keyof typeof grammarRules, (text: string) => string[], string[], [string, string][]][] = [
  [
    "articles",
    articles,
    [
      "A fox and an owl.",
      "a unicorn, a university, a use, a European, a ewe, a one, a once, a ukulele, a utensil, a U-turn",
      "an hour, an honest man, an honor, an heir, an uninvited guest, an umbrella, an unusual day, an urn, an usher",
      "an x-ray, an 8, an 80, an 11th, an 18th, a 7, a 1, a 180",
      'a "big" dog and an "old" one',
      "an herb or a herb; an MRI, a NASA ship, a SMALL dog",
      "Plan A is better than plan B.",
      "Banana eaters have a lot.",
      "It's a-okay.",
    ],
    [
      ["He saw a owl.", "a owl"],
      ["She ate an banana.", "an banana"],
      ["A apple fell.", "A apple"],
      ["They ran. An fox ran too.", "An fox"],
      ["It took a hour.", "a hour"],
      ["an unicorn", "an unicorn"],
      ["an useful thing", "an useful"],
      ["a uninvited guest", "a uninvited"],
      ['a "old" hat', "a old"],
      ["a 8-mile walk", "a 8-mile"],
      ["an one-eyed cat", "an one-eyed"],
      ["“A elephant,” said Bo.", "A elephant"],
    ],
  ],
  [
    "capitals",
    capitals,
    [
      "One. Two! Three? Four.",
      '"Stop!" said Nora.',
      '"Why?" he asked. "Because," she said.',
      "Wait... what?",
      "Mr. fox is odd, e.g. here.",
      "3 foxes ran.",
      '"Hello," he said, "hello again."',
    ],
    [
      ["once upon a time.", "once upon a time."],
      ["He ran. she hid.", "He ran. she"],
      ["Really? yes.", "Really? yes"],
      ['"I see." said Nora.', '"I see." said'],
      ["He ran.\n\nshe hid.", "He ran. she"],
      ['He ran. "come back!"', "He ran. come"],
    ],
  ],
  [
    "quotes",
    quotes,
    ['"One," he said. "Two."', "“One,” he said.", "No quotes, it's fine.", '"A."\n\n"B."'],
    [
      ['"One, he said.', 'an odd number of " in: "One, he said.'],
      ['"A.\n\nB.', 'an odd number of " in: "A.'],
      ["“One, he said.", "curly quotes do not match in: “One, he said."],
      ["”One“", "curly quotes do not match in: ”One“"],
      ["““One””", "curly quotes do not match in: ““One””"],
    ],
  ],
  [
    "doubledWords",
    doubledWords,
    [
      "He had had enough.",
      "I know that that one is new.",
      "Very, very good.",
      "It ended there. There was more.",
      "The theme is here, he re-read it.",
      "a an",
    ],
    [
      ["He saw the the owl.", "the the"],
      ["The the owl.", "The the"],
      ["She was\nwas glad.", "was\nwas"],
      ["It's it's", "It's it's"],
    ],
  ],
  [
    "ending",
    ending,
    ["Yes.", "Yes!", "Yes? ", '"Yes."', "“Yes!”", "(Yes.)\n", "Well..."],
    [
      ["And then", "And then"],
      ["And then,", "And then,"],
      ['He said "yes"', 'He said "yes"'],
      ["", "nothing"],
    ],
  ],
  [
    "spaceBeforeMarks",
    spaceBeforeMarks,
    ["One, two; three: four! five? six.", "A .5 and a ...", "Line\nend."],
    [
      ["One , two.", "One ,"],
      ["One .", "One ."],
      ["Really ?", "Really ?"],
      ["So\n: two", "So\n:"],
    ],
  ],
];

describe.each(cases)("%s", (name, rule, good, bad) => {
  test("is one of the rules", () => expect(grammarRules[name]).toBe(rule));
  test.each(good)("keeps it: %s", (text) => expect(rule(text)).toEqual([]));
  test.each(bad)("breaks it: %s", (text, slip) => {
    expect(rule(text)).toEqual([slip]);
    expect(grammarProblems(text)).toContain(`${name}: ${slip}`);
  });
});

test("every slip is listed", () => {
  expect(articles("a owl and an fox and a apple")).toEqual(["a owl", "an fox", "a apple"]);
  expect(grammarProblems("he saw a owl ,")).toEqual([
    "articles: a owl",
    "capitals: he saw a owl ,",
    "ending: he saw a owl ,",
    "spaceBeforeMarks: owl ,",
  ]);
});
