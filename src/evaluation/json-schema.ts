/** JSON Schema (draft 2020-12) by @cfworker/json-schema; keywords it would pass over are refused by name. Pure. */
import {
  format as formats,
  ignoredKeyword,
  type Schema,
  schemaArrayKeyword,
  schemaKeyword,
  schemaMapKeyword,
  Validator,
} from "@cfworker/json-schema";
import type { Place } from "./fields.ts";

/** A schema that was checked. */
export type JsonSchema = boolean | Record<string, unknown>;

const annotations = new Set(["title", "description", "examples", "deprecated", "readOnly", "writeOnly"]);
/** Known to the library's lists but without effect in this draft, or in need of more than one document. */
const unsupported = new Set(["id", "$vocabulary", "additionalItems", "$recursiveRef", "dependencies"]);
const counts = new Set(["minContains", "maxContains"]);

/** Refuses keywords, formats and types that would have no effect, so that no schema asks for more than is checked. */
export function checkSchema(value: unknown, at: Place): JsonSchema {
  checkKeywords(value, at);
  const schema = value as JsonSchema;
  try {
    schemaProblem(schema, null); // finds references that lead nowhere
  } catch (cause) {
    throw at.error(`is not a usable JSON schema (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  return schema;
}

function checkKeywords(value: unknown, at: Place): void {
  if (typeof value === "boolean") return;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw at.error("must be a JSON schema");
  for (const [keyword, below] of Object.entries(value)) checkKeyword(keyword, below, at.in(keyword));
}

function checkKeyword(keyword: string, below: unknown, at: Place): void {
  if (annotations.has(keyword) || counts.has(keyword)) return;
  if (unsupported.has(keyword)) throw at.error("is a keyword that is not supported here");
  if (schemaArrayKeyword[keyword] && Array.isArray(below)) {
    for (const [index, entry] of below.entries()) checkKeywords(entry, at.in(index));
  } else if (schemaMapKeyword[keyword]) {
    if (typeof below !== "object" || below === null || Array.isArray(below)) throw at.error("must be an object");
    for (const [name, entry] of Object.entries(below)) checkKeywords(entry, at.in(name));
  } else if (schemaKeyword[keyword]) {
    checkKeywords(below, at);
  } else if (!ignoredKeyword[keyword]) {
    throw at.error("is no keyword of JSON Schema");
  }
  if (keyword === "type") checkTypes(below, at);
  if (keyword === "format" && !Object.hasOwn(formats, String(below)))
    throw at.error("is a format that is not checked here");
}

const types = new Set(["null", "boolean", "integer", "number", "string", "array", "object"]);

function checkTypes(value: unknown, at: Place): void {
  for (const type of Array.isArray(value) ? value : [value]) {
    if (!types.has(type)) throw at.error(`must be of ${[...types].join(", ")}`);
  }
}

/** Null when the value satisfies the schema, else what is wrong. */
export function schemaProblem(schema: JsonSchema, value: unknown): string | null {
  // The library marks the schemas it was given, so it gets its own.
  const { valid, errors } = new Validator(structuredClone(schema) as Schema, "2020-12").validate(value);
  if (valid) return null;
  const last = errors.at(-1);
  return last === undefined ? "does not satisfy the schema" : `${last.instanceLocation}: ${last.error}`;
}
