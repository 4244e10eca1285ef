import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../tests/kit/random.ts";
import { Reply, type ReplyDecoder, StopMatcher } from "./stop.ts";

/** Cut at the first place where some stop string is complete, found character by character. */
function naiveCut(text: string, stops: string[]): { text: string; matched: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const matching = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    const longest = Math.max(0, ...matching.map((stop) => stop.length));
    if (longest > 0) return { text: text.slice(0, end - longest), matched: true };
  }
  return { text, matched: false };
}

describe("stop strings", () => {
  test("text that may begin a stop string is held back until it is certain", () => {
    const matcher = new StopMatcher(["END", "\n\n"]);
    expect(matcher.push("the E")).toBe("the ");
    expect(matcher.push("N")).toBe("");
    expect(matcher.push("ERGY\n")).toBe("ENERGY");
    expect(matcher.push("x")).toBe("\nx");
    expect(matcher.push("E")).toBe("");
    expect(matcher.push("ND and more")).toBe("");
    expect(matcher.matched).toBe("END");
    expect(matcher.push("nothing follows")).toBe("");
    expect(matcher.finish()).toBe("");
  });

  test("what was held back is text when the reply ends otherwise", () => {
    const matcher = new StopMatcher(["END"]);
    expect(matcher.push("EN") + matcher.finish()).toBe("EN");
  });

  test("any slicing gives the cut a naive search gives", () => {
    const seed = 4242;
    const random = seededRandom(seed);
    const word = (length: number) => Array.from({ length }, () => "abc"[random.below(3)]).join("");
    for (let round = 0; round < 3000; round++) {
      const text = word(random.below(30));
      const stops = Array.from({ length: 1 + random.below(3) }, () => word(1 + random.below(5)));
      const matcher = new StopMatcher(stops);
      let shown = "";
      for (let at = 0; at < text.length && matcher.matched === null; ) {
        const size = 1 + random.below(4);
        shown += matcher.push(text.slice(at, at + size));
        const so = naiveCut(text, stops).text;
        expect(so.startsWith(shown), `seed ${seed}, round ${round}: shown text is never taken back`).toBe(true);
        at += size;
      }
      if (matcher.matched === null) shown += matcher.finish();
      const expected = naiveCut(text, stops);
      expect({ text: shown, matched: matcher.matched !== null }, `seed ${seed}, round ${round}`).toEqual(expected);
    }
  });

  test("empty stop strings are no stop strings", () => {
    expect(new StopMatcher([""]).push("abc")).toBe("abc");
  });
});

/** Ids are code points; ids above the Basic Latin block need two pushes, as split characters do. */
function codePointDecoder(): ReplyDecoder {
  let held = "";
  return {
    push: (id) => {
      if (id >= 128 && held === "") {
        held = String.fromCodePoint(id);
        return "";
      }
      const text = held === "" ? String.fromCodePoint(id) : held;
      held = "";
      return text;
    },
    finish: () => (held === "" ? "" : "\ufffd"),
  };
}

const ids = (text: string) => [...text].map((char) => char.codePointAt(0) as number);

describe("replies", () => {
  const feed = (reply: Reply, tokens: number[]) => {
    for (const id of tokens) if (reply.push(id).finish !== null) break;
    return reply;
  };

  test("a stop token ends the reply and is not shown", () => {
    const reply = feed(new Reply(codePointDecoder(), { tokens: [46], strings: [], maxTokens: 100 }), ids("ab.cd"));
    expect(reply).toMatchObject({ text: "ab", finishReason: "stop", stoppedBy: 46, tokens: ids("ab.") });
  });

  test("a stop token releases text that was held back for a stop string", () => {
    const reply = feed(new Reply(codePointDecoder(), { tokens: [46], strings: ["bX"], maxTokens: 100 }), ids("ab."));
    expect(reply.text).toBe("ab");
  });

  test("a stop string across tokens cuts the text, not the tokens", () => {
    const reply = feed(new Reply(codePointDecoder(), { tokens: [], strings: ["cd"], maxTokens: 100 }), ids("abcdef"));
    expect(reply).toMatchObject({ text: "ab", finishReason: "stop", stoppedBy: "cd", tokens: ids("abcd") });
  });

  test("the length limit ends with what was held back", () => {
    const reply = feed(new Reply(codePointDecoder(), { tokens: [], strings: ["cX"], maxTokens: 3 }), ids("abcdef"));
    expect(reply).toMatchObject({ text: "abc", finishReason: "length", stoppedBy: null });
  });

  test("half a character at the limit becomes a replacement character", () => {
    const reply = feed(new Reply(codePointDecoder(), { tokens: [], strings: [], maxTokens: 2 }), [97, 0x6f22]);
    expect(reply.text).toBe("a\ufffd");
  });

  test("the streamed pieces join to the text", () => {
    const reply = new Reply(codePointDecoder(), { tokens: [46], strings: ["no"], maxTokens: 100 });
    const pieces = ids("in a cannon.").map((id) => reply.push(id).text);
    expect(pieces.join("")).toBe(reply.text);
    expect(reply.text).toBe("in a can");
  });

  test("a reply can be ended from outside, once", () => {
    const reply = new Reply(codePointDecoder(), { tokens: [], strings: ["bX"], maxTokens: 9 });
    expect([reply.push(97), reply.push(98)].map((step) => step.text)).toEqual(["a", ""]);
    expect(reply.end("cancelled")).toEqual({ text: "b", finish: "cancelled" });
    expect(reply.end("length")).toEqual({ text: "", finish: "cancelled" });
    expect(reply.push(99)).toEqual({ text: "", finish: "cancelled" });
  });

  test("a model without tokenizer has tokens but no text", () => {
    const reply = feed(new Reply(null, { tokens: [5], strings: ["x"], maxTokens: 9 }), [1, 2, 5]);
    expect(reply).toMatchObject({ text: "", finishReason: "stop", tokens: [1, 2, 5] });
  });
});
