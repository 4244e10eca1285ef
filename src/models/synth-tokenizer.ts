/**
 * A usable byte-level BPE tokenizer for synthetic checkpoints: 256 bytes, merges learned from a short text of our own,
 * made-up words up to the vocabulary's size, and the family's special tokens in the family's order. Pure.
 */
import { synthChatTemplate } from "./synth-template.ts";

/** The family's added tokens, in id order. */
export const specialTokens = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|object_ref_start|>",
  "<|object_ref_end|>",
  "<|box_start|>",
  "<|box_end|>",
  "<|quad_start|>",
  "<|quad_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
  "<tool_call>",
  "</tool_call>",
  "<|fim_prefix|>",
  "<|fim_middle|>",
  "<|fim_suffix|>",
  "<|fim_pad|>",
  "<|repo_name|>",
  "<|file_sep|>",
  "<tool_response>",
  "</tool_response>",
  "<think>",
  "</think>",
] as const;

/** Shown as ordinary text when decoded: a reader wants to see them. */
const ordinary = new Set(["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]);

/** The family leaves this many ids unused behind its special tokens; small vocabularies use every id. */
const unusedTail = 250;
const mergesMax = 1200;

/** Smallest vocabulary that has room for all bytes and special tokens. */
export const tokenizerVocabMin = 256 + specialTokens.length;

export interface SynthTokenizer {
  /** File name -> content. */
  files: { name: string; text: string }[];
  eosTokenIds: number[];
  padTokenId: number;
}

/** null when the vocabulary is too small to hold one; such a model is driven by token ids. */
export function synthTokenizer(vocab: number): SynthTokenizer | null {
  if (vocab < tokenizerVocabMin) return null;
  const base = vocab - specialTokens.length - (vocab >= 4096 ? unusedTail : 0);
  const merges = learnMerges(corpus, Math.min(mergesMax, base - 256));
  const tokens = vocabularyOf(merges, base);
  const idOf = (token: (typeof specialTokens)[number]) => base + specialTokens.indexOf(token);
  const end = idOf("<|im_end|>");
  const pad = idOf("<|endoftext|>");
  return {
    files: [
      { name: "tokenizer.json", text: JSON.stringify(tokenizerJson(tokens, merges, base)) },
      { name: "tokenizer_config.json", text: `${JSON.stringify(tokenizerConfig(base), null, 2)}\n` },
      { name: "chat_template.jinja", text: synthChatTemplate },
    ],
    eosTokenIds: [end, pad],
    padTokenId: pad,
  };
}

function tokenizerJson(tokens: string[], merges: [string, string][], base: number): unknown {
  const vocab: Record<string, number> = {};
  for (const [id, token] of tokens.entries()) vocab[token] = id;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, index) => ({ id: base + index, ...addedToken(content) })),
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: splitPattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}

/** The family's pre-tokeniser: contractions, words with marks, single digits, punctuation, line ends, spaces. */
const splitPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function addedToken(content: string) {
  return {
    content,
    lstrip: false,
    normalized: false,
    rstrip: false,
    single_word: false,
    special: !ordinary.has(content),
  };
}

function tokenizerConfig(base: number): unknown {
  return {
    add_bos_token: false,
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(
      specialTokens.map((content, i) => [String(base + i), addedToken(content)]),
    ),
    additional_special_tokens: ["<|im_start|>", "<|im_end|>"],
    bos_token: null,
    clean_up_tokenization_spaces: false,
    eos_token: "<|im_end|>",
    errors: "replace",
    model_max_length: 262144,
    pad_token: "<|endoftext|>",
    split_special_tokens: false,
    tokenizer_class: "Qwen2Tokenizer",
    unk_token: null,
  };
}

/** The byte-level alphabet: printable Latin-1 stands for itself, the other bytes for code points from 256 up. */
export function byteAlphabet(): string[] {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  const alphabet: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) alphabet.push(String.fromCharCode(printable(byte) ? byte : next++));
  return alphabet;
}

/** Bytes in alphabet order of code points as the family has them, then merges, then made-up words. */
function vocabularyOf(merges: [string, string][], base: number): string[] {
  const tokens = [...byteAlphabet()].sort();
  const taken = new Set(tokens);
  const add = (token: string) => {
    if (taken.has(token) || tokens.length === base) return;
    taken.add(token);
    tokens.push(token);
  };
  for (const [left, right] of merges) add(left + right);
  for (let i = 0; tokens.length < base; i++) add(madeUpWord(i));
  return tokens;
}

const onsets = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "st", "tr"];
const vowels = ["a", "e", "i", "o", "u", "ai", "ou", "ee"];

/** Number i written in syllables, after a space (U+0120) three times of four. */
function madeUpWord(i: number): string {
  const syllables: string[] = [];
  for (let rest = i >> 2; syllables.length < 2 || rest > 0; rest >>= 7) {
    syllables.push(`${onsets[rest & 15]}${vowels[(rest >> 4) & 7]}`);
  }
  const word = syllables.join("");
  return [`\u0120${word}`, `\u0120${word}n`, `\u0120${word}s`, word][i & 3] as string;
}

/** Plain byte-pair training over the words of a text: the most frequent pair first, ties by order of appearance. */
function learnMerges(text: string, count: number): [string, string][] {
  const alphabet = byteAlphabet();
  const words = new Map<string, number>();
  for (const word of text.match(/ ?[^\s]+/g) ?? []) words.set(word, (words.get(word) ?? 0) + 1);
  const pieces = [...words].map(([word, n]) => ({
    n,
    parts: [...Buffer.from(word)].map((byte) => alphabet[byte] as string),
  }));
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const best = mostFrequentPair(pieces);
    if (best === null) break;
    merges.push(best);
    for (const piece of pieces) piece.parts = joinPair(piece.parts, best);
  }
  return merges;
}

function mostFrequentPair(pieces: { n: number; parts: string[] }[]): [string, string] | null {
  const counts = new Map<string, { n: number; pair: [string, string] }>();
  let best: { n: number; pair: [string, string] } | null = null;
  for (const { n, parts } of pieces) {
    for (let i = 0; i + 1 < parts.length; i++) {
      const pair: [string, string] = [parts[i] as string, parts[i + 1] as string];
      const key = pair.join(" ");
      const entry = counts.get(key) ?? { n: 0, pair };
      entry.n += n;
      counts.set(key, entry);
    }
  }
  for (const entry of counts.values()) if (entry.n > (best?.n ?? 1)) best = entry;
  return best?.pair ?? null;
}

function joinPair(parts: string[], [left, right]: [string, string]): string[] {
  const result: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === left && parts[i + 1] === right) {
      result.push(left + right);
      i += 1;
    } else {
      result.push(parts[i] as string);
    }
  }
  return result;
}

const corpus = `The quick answer is that the model reads the prompt, one token after the other, and then writes what
comes next. Tell me a story about the fox and the river. Once upon a time there was a little fox who lived near the
river, and every morning the fox would walk along the water and look at the stones. What is the sum of these numbers?
The sum of the numbers is the answer that you want. Please write a short list of things that I have to do today, and
say which of them should be done first. I think that this is something we could have known before, but there are other
things which are more important than that. She said that her name was there in the letter, and he would not say where
it came from. They were going through the house when the light went out, so they had to find their way in the dark.
Some people like to read in the evening; others would rather work in the morning with a cup of coffee. You can call
the function with the name and the value, and the function will return the result. If the value is not a number then
throw an error, else return the value. for each line in the file, print the line and count the words. import the
module, export the function, const value = function of the name. Hello, how are you? I am well, thank you for asking.
My name is the first thing you should know about me. Can you remember what I told you before? Of course I can. It was
the last question and the best question of them all. When the world was young, the mountains were higher and the sea
was nearer; now the wind has made them into sand. Here is an example of how it works. This is the end of the text.`;
