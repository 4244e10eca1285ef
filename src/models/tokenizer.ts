/**
 * Tokenizers by @huggingface/tokenizers, ids identical to the Rust library's. Decoding is our own because text must
 * stream: bytes that do not yet form a character are held back. Byte-level tokenizers only (this family's).
 */
import { join } from "node:path";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { FlashmoeError } from "../errors.ts";
import { downloadAgain, modelError, shown } from "./model-error.ts";
import { decodeUtf8, readOptionalBytes } from "./model-files.ts";

export interface EncodeOptions {
  /** Adds what the tokenizer's post-processor adds around a text (nothing in this family). Default false. */
  addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leaves out special tokens such as <|im_end|>. Default false. */
  skipSpecialTokens?: boolean;
}

/** Text of a growing list of tokens. */
export interface TokenDecoder {
  /** The text that is certain after this token; incomplete UTF-8 waits for the next. */
  push(id: number): string;
  /** What was held back, with U+FFFD for bytes that never became a character. */
  finish(): string;
}

/** The tokenizer of `directory`, or null when the model has none. `vocab` is the model's vocabulary size. */
export async function loadTokenizer(directory: string, vocab: number): Promise<Tokenizer | null> {
  const bytes = await readOptionalBytes(join(directory, "tokenizer.json"));
  if (bytes === null) return null;
  const configBytes = await readOptionalBytes(join(directory, "tokenizer_config.json"));
  const json = parseObject(bytes, "tokenizer.json");
  const config = configBytes === null ? {} : parseObject(configBytes, "tokenizer_config.json");
  return new Tokenizer(json, config, vocab);
}

/** The same, for work that cannot go on without one. */
export async function requireTokenizer(directory: string, vocab: number): Promise<Tokenizer> {
  const tokenizer = await loadTokenizer(directory, vocab);
  if (tokenizer !== null) return tokenizer;
  throw modelError(
    `The model in ${directory} has no tokenizer.json.`,
    "Give token ids with --token-ids, or add the tokenizer.json of the original release.",
  );
}

type PlainObject = Record<string, unknown>;

function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON.parse, since a tokenizer has hundreds of thousands of entries. */
function parseObject(bytes: Uint8Array, name: string): PlainObject {
  const text = decodeUtf8(bytes, name);
  try {
    const value: unknown = JSON.parse(text);
    if (isPlainObject(value)) return value;
  } catch (error) {
    throw modelError(`${name} is not valid JSON: ${String((error as Error).message)}.`, downloadAgain, error);
  }
  throw modelError(`${name} is not a JSON object.`, downloadAgain);
}

export class Tokenizer {
  private readonly inner: HuggingFaceTokenizer;
  private readonly special: Set<number>;
  private readonly added: Map<number, string>;
  /** Bytes of a token, decoded on first use. */
  private readonly bytesOf = new Map<number, Uint8Array>();

  constructor(
    json: PlainObject,
    config: PlainObject,
    /** Size of the model's vocabulary; ids from here on are refused. */
    readonly vocab: number,
  ) {
    checkTokenizer(json, vocab);
    try {
      this.inner = new HuggingFaceTokenizer(json, config);
    } catch (error) {
      throw modelError(`tokenizer.json cannot be used: ${String((error as Error).message)}.`, downloadAgain, error);
    }
    const added = [...this.inner.get_added_tokens_decoder()];
    this.added = new Map(added.map(([id, token]) => [id, token.content]));
    this.special = new Set(added.filter(([, token]) => token.special).map(([id]) => id));
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    if (text === "") return [];
    const { ids } = this.inner.encode(text, { add_special_tokens: options.addSpecialTokens ?? false });
    const bad = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= this.vocab);
    if (bad < 0) return ids;
    throw modelError("tokenizer.json has no token for a part of the text.", downloadAgain);
  }

  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const decoder = this.decoder(options);
    let text = "";
    for (const id of ids) text += decoder.push(id);
    return text + decoder.finish();
  }

  decoder(options: DecodeOptions = {}): TokenDecoder {
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (id) => {
        this.checkId(id);
        if (options.skipSpecialTokens && this.special.has(id)) return "";
        return utf8.decode(this.tokenBytes(id), { stream: true });
      },
      finish: () => utf8.decode(),
    };
  }

  /** The bytes a token stands for; none for ids that pad the vocabulary. */
  tokenBytes(id: number): Uint8Array {
    this.checkId(id);
    const known = this.bytesOf.get(id);
    if (known !== undefined) return known;
    const token = this.added.get(id);
    const bytes =
      token === undefined ? byteLevelBytes(this.inner.id_to_token(id) ?? "") : new TextEncoder().encode(token);
    this.bytesOf.set(id, bytes);
    return bytes;
  }

  /** The id of a whole token such as "<|im_end|>", or undefined. */
  idOf(token: string): number | undefined {
    return this.inner.token_to_id(token);
  }

  isSpecial(id: number): boolean {
    return this.special.has(id);
  }

  private checkId(id: number): void {
    if (Number.isInteger(id) && id >= 0 && id < this.vocab) return;
    throw new FlashmoeError("usage", `The token id ${id} is outside the vocabulary.`, {
      hint: `This model's ids run from 0 to ${this.vocab - 1}.`,
    });
  }
}

/** What the library would not notice or would fail on without a name. */
function checkTokenizer(json: PlainObject, vocab: number): void {
  const { model, decoder, added_tokens: added } = json;
  if (!isPlainObject(model) || model.type !== "BPE" || !isPlainObject(model.vocab) || !Array.isArray(model.merges)) {
    throw modelError(
      "tokenizer.json: model must be a BPE with vocab and merges.",
      "Only byte-level BPE tokenizers are supported; take tokenizer.json from the original release.",
    );
  }
  if (!hasByteLevel(decoder)) {
    throw modelError(
      `tokenizer.json: the decoder ${shown(isPlainObject(decoder) ? decoder.type : decoder)} is not supported.`,
      "Only byte-level BPE tokenizers are supported; take tokenizer.json from the original release.",
    );
  }
  if (!Array.isArray(added)) throw modelError("tokenizer.json: added_tokens is no list.", downloadAgain);
  const ids = model.vocab;
  for (const token in ids) checkTokenId(token, ids[token], vocab);
  for (const token of added) {
    if (!isPlainObject(token) || typeof token.content !== "string") {
      throw modelError("tokenizer.json: an entry of added_tokens has no content.", downloadAgain);
    }
    checkTokenId(token.content, token.id, vocab);
  }
}

function hasByteLevel(decoder: unknown): boolean {
  if (!isPlainObject(decoder)) return false;
  if (decoder.type === "ByteLevel") return true;
  return decoder.type === "Sequence" && Array.isArray(decoder.decoders) && decoder.decoders.length === 1
    ? hasByteLevel(decoder.decoders[0])
    : false;
}

function checkTokenId(token: string, id: unknown, vocab: number): void {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < vocab) return;
  throw modelError(
    `tokenizer.json gives ${shown(token)} the id ${shown(id)}, but the model's vocabulary has ${vocab} entries.`,
    "The tokenizer belongs to another model; take both from the same release.",
  );
}

/** Printable Latin-1 stands for its own byte; the other 68 bytes follow from U+0100 in order. */
const byteOfChar = (() => {
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return map;
})();

/** A token with a character outside the byte alphabet stands for its own UTF-8, as in the Rust library. */
function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of token) {
    const byte = byteOfChar.get(char);
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
