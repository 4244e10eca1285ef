import { expect, test } from "bun:test";
import { noneU32 } from "../native/bindings.gen.ts";
import { unwrapUser, wrapUser } from "./user-blob.ts";

const bytesOf = (view: DataView) => new Uint8Array(view.buffer as ArrayBuffer);

test("what is wrapped comes back", () => {
  for (const user of [new Uint8Array(), new Uint8Array([1, 2, 3]), new Uint8Array(70_000).fill(9)]) {
    for (const pending of [null, 0, 319]) {
      expect(unwrapUser(bytesOf(wrapUser({ pending, topLogprobs: 20, user })), 320)).toEqual({
        pending,
        topLogprobs: 20,
        user,
      });
    }
  }
});

test("a blob that was not wrapped here is refused by what is wrong with it", () => {
  const good = { pending: 7, topLogprobs: 0, user: new Uint8Array(4) };
  const spoiled = (word: number, value: number) => {
    const view = wrapUser(good);
    view.setUint32(4 * word, value, true);
    return () => unwrapUser(bytesOf(view), 320);
  };
  expect(() => unwrapUser(new Uint8Array(15), 320)).toThrow("another version");
  expect(spoiled(0, 2)).toThrow("another version");
  expect(spoiled(1, 320)).toThrow("token 320");
  expect(spoiled(2, 21)).toThrow("21 alternatives");
  expect(spoiled(3, 1)).toThrow("another version");
  expect(unwrapUser(bytesOf(wrapUser({ ...good, pending: null })), 320).pending).toBeNull();
  expect(wrapUser({ ...good, pending: null }).getUint32(4, true)).toBe(noneU32);
});
