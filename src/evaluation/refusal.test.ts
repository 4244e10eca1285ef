import { describe, expect, test } from "bun:test";
import { refusalProblem } from "./refusal.ts";

const weather = ["weather", "forecast"];
const asked = "Will it rain in Rome on the 5th?";

describe("refusals", () => {
  test.each([
    "I can't see the weather.",
    "I am sorry, but I can’t see the weather. I have no connection to the outside.",
    "I'm sorry. I do not have a weather forecast. Please look outside, or ask someone in Rome.",
    "Unfortunately, I am not able to check the weather of the 5th. Shall I tell a story instead?",
  ])("that are right: %s", (answer) => {
    expect(refusalProblem(answer, weather, asked)).toBeNull();
  });

  test.each([
    ["It will rain.", "does not refuse"],
    ["The weather is fine. I can't know more.", "says something else first: The weather is fine."],
    ["I can't draw pictures.", "says nothing of weather, forecast"],
    ["I can't see the weather. It is sunny in Rome.", "answers after all: It is sunny in Rome."],
    ["I can't see the weather, it has 21 degrees.", '"21" was never told'],
    ["I can't see the weather. Ask your friend Ada.", '"Ada" was never told'],
    ["I don't know the weather. Leave me alone.", 'is rude: "leave me alone"'],
  ])("that are wrong: %s", (answer, problem) => {
    expect(refusalProblem(answer, weather, asked)).toBe(problem);
  });
});
