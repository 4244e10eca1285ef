/**
 * What a session file carries besides the native state: the pending token (sampled, not yet fed), how many alternatives
 * its sampling reports, and the caller's bytes.
 * Layout: u32 version | u32 pending or noneU32 | u32 topLogprobs | u32 zero | the caller's bytes. Pure.
 */
import { FlashmoeError } from "../errors.ts";
import { maxTopLogprobs, noneU32 } from "../native/bindings.gen.ts";

const version = 1;
const headBytes = 16;

export interface UserBlob {
  pending: number | null;
  topLogprobs: number;
  user: Uint8Array;
}

export function wrapUser({ pending, topLogprobs, user }: UserBlob): DataView {
  const buffer = new ArrayBuffer(headBytes + user.length);
  const view = new DataView(buffer);
  view.setUint32(0, version, true);
  view.setUint32(4, pending ?? noneU32, true);
  view.setUint32(8, topLogprobs, true);
  new Uint8Array(buffer, headBytes).set(user);
  return view;
}

export function unwrapUser(blob: Uint8Array, vocab: number): UserBlob {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (blob.length < headBytes || view.getUint32(0, true) !== version || view.getUint32(12, true) !== 0) {
    throw invalid("was written by another version");
  }
  const pending = view.getUint32(4, true);
  const topLogprobs = view.getUint32(8, true);
  if (pending !== noneU32 && pending >= vocab) {
    throw invalid(`names the token ${pending}, which the model does not have`);
  }
  if (topLogprobs > maxTopLogprobs) throw invalid(`asks for ${topLogprobs} alternatives to a token`);
  return { pending: pending === noneU32 ? null : pending, topLogprobs, user: blob.slice(headBytes) };
}

function invalid(what: string): FlashmoeError {
  return new FlashmoeError("session_file_invalid", `the session file ${what}`, {
    hint: "Use the version and the model it was saved with, or start a new session.",
  });
}
