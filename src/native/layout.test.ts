import { describe, expect, test } from "bun:test";
import { FlashmoeError } from "../errors.ts";
import * as bindings from "./bindings.gen.ts";
import { allocate, readStruct, type StructLayout, structBuffer, writeStruct } from "./layout.ts";
import { loadNative } from "./library.ts";

const layouts = Object.values(bindings).filter(
  (value): value is (typeof bindings)["Plan"] => typeof value === "object" && "fields" in value,
) as StructLayout[];

function camel(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The facts of the bindings in the words of fm_abi_manifest, names in camelCase. */
function bindingFacts(): string[] {
  const facts: string[] = [];
  for (const [name, value] of Object.entries(bindings)) {
    if (name === "abiHash" || name === "symbols") continue;
    if (typeof value === "number") facts.push(`const ${name} ${value}`);
    else if ("fields" in value) {
      const layout = value as StructLayout;
      facts.push(`struct ${name} ${layout.size} ${layout.align}`);
      for (const [field, { type, offset }] of Object.entries(layout.fields)) {
        facts.push(`field ${name} ${field} ${typeof type === "string" ? type : type.name} ${offset}`);
      }
    } else for (const [member, number] of Object.entries(value)) facts.push(`enum ${name} ${member} ${number}`);
  }
  for (const [name, { args, returns }] of Object.entries(bindings.symbols)) {
    facts.push(["call", name, returns, ...args].join(" "));
  }
  return facts.sort();
}

function libraryFacts(manifest: string): string[] {
  const lines = manifest.trimEnd().split("\n");
  return lines
    .map((line) => {
      const [kind = "", first = "", second = "", ...rest] = line.split(" ");
      if (kind === "const") return `const ${camel(first)} ${second}`;
      if (kind === "enum" || kind === "field") return [kind, first, camel(second), ...rest].join(" ");
      return line;
    })
    .sort();
}

describe("the library and the bindings", () => {
  test("agree on every constant, enum, offset, size and signature", async () => {
    const native = await loadNative();
    const length = native.checkLength("fm_abi_manifest", null, 0);
    expect(length).toBeGreaterThan(1000);
    const place = allocate(length);
    expect(native.checkLength("fm_abi_manifest", place, length)).toBe(length);
    const text = new TextDecoder().decode(new Uint8Array(place.buffer, 0, length));
    expect(libraryFacts(text)).toEqual(bindingFacts());
    expect(native.call("fm_abi_hash")).toBe(bindings.abiHash);
  });

  test("structs have no holes and no overlaps", () => {
    expect(layouts.length).toBeGreaterThan(10);
    for (const layout of layouts) {
      let end = 0;
      for (const { offset, type } of Object.values(layout.fields)) {
        expect(offset).toBe(end);
        end += typeof type === "string" ? (type.endsWith("64") ? 8 : 4) : type.size;
      }
      expect(end).toBe(layout.size);
      expect(layout.size % layout.align).toBe(0);
    }
  });
});

describe("readStruct and writeStruct", () => {
  test("give back every field, nested ones too, at any offset", () => {
    for (const layout of layouts) {
      const view = allocate(layout.size + 16);
      let next = 1;
      const fill = (of: StructLayout): Record<string, unknown> =>
        Object.fromEntries(
          Object.entries(of.fields).map(([name, { type }]) => [name, typeof type === "string" ? next++ : fill(type)]),
        );
      const values = fill(layout);
      writeStruct(view, 8, layout, values as never);
      expect(readStruct(view, 8, layout) as unknown).toEqual(values);
      expect(view.getBigUint64(0, true)).toBe(0n);
      expect(view.getBigUint64(layout.size + 8, true)).toBe(0n);
    }
  });

  test("fields left out are zeroed", () => {
    const view = structBuffer(bindings.Sampling, { seed: 7n, topK: 3 });
    writeStruct(view, 0, bindings.Sampling, { topP: 0.5 });
    const { topP, ...rest } = readStruct(view, 0, bindings.Sampling);
    expect(topP).toBe(0.5);
    expect(Object.values(rest).every((value) => value === 0)).toBe(true);
  });

  test("64-bit values survive; what is not exact is refused", () => {
    const view = structBuffer(bindings.Sampling, { seed: 0xffff_ffff_ffff_ffffn });
    expect(view.getBigUint64(bindings.Sampling.fields.seed.offset, true)).toBe(0xffff_ffff_ffff_ffffn);
    expect(() => readStruct(view, 0, bindings.Sampling)).toThrow("does not fit");
    for (const seed of [-1, 1.5, 2 ** 53, Number.NaN, -1n, 1n << 64n]) {
      expect(() => structBuffer(bindings.Sampling, { seed })).toThrow(FlashmoeError);
    }
    for (const topK of [-1, 1.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => structBuffer(bindings.Sampling, { topK })).toThrow("Sampling.topK");
    }
    expect(() => structBuffer(bindings.Sampling, { topKay: 1 } as never)).toThrow("topKay");
  });
});
