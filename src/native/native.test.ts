import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { FlashmoeError } from "../errors.ts";
import { abiHash, CpuInfo, CpuLevel, EngineOptions, Plan, Result, symbols } from "./bindings.gen.ts";
import { allocate, readStruct, structBuffer } from "./layout.ts";
import { loadNative } from "./library.ts";
import { Native, type NativeArgument, textArgument } from "./native.ts";
import { type SymbolName, symbolNames } from "./trace.ts";

const fresh = temporaryPaths();
let native: Native;
beforeAll(async () => {
  native = await loadNative();
});
afterAll(() => expect(native.call("fm_handle_count")).toBe(0));

/** Runs a line of TypeScript in a Bun of its own; its environment is exactly `env`. */
function child(source: string, env: Record<string, string>) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "--no-env-file", "-e", source], {
    cwd: join(import.meta.dir, "../.."),
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

const loadAndReport = `
  import { loadNative } from "./src/native/library.ts";
  try { console.log("loaded", (await loadNative()).path); }
  catch (error) { console.log(error.code, "|", error.message, "|", error.hint); }`;

describe("calls", () => {
  /** Arguments of the right shape; whatever is a handle is the one given. */
  function argumentsWith(name: SymbolName, handle: number): NativeArgument[] {
    const types = symbols[name].args;
    return types.map((type, i) => (i === 0 ? handle : type === "ptr" ? allocate(512) : 64));
  }
  const handleCalls = symbolNames.filter(
    (name) => /^fm_(engine|session)_/.test(name) && symbols[name].args[0] === "u32",
  );

  test("every call that takes a handle refuses one that is not open", () => {
    expect(handleCalls.length).toBe(16);
    for (const name of handleCalls) {
      for (const handle of [0, 1, 1024, 0x7fff_ffff, 0xffff_ffff]) {
        expect(native.call(name, ...argumentsWith(name, handle))).toBe(Result.invalidHandle);
        expect(() => native.check(name, ...argumentsWith(name, handle))).toThrow("is not open");
      }
    }
  });

  test("arity is checked, as bun:ffi does not", () => {
    expect(() => native.call("fm_cpu_info")).toThrow("takes 1 arguments, not 0");
    expect(() => native.call("fm_handle_count", 1)).toThrow("takes 0 arguments, not 1");
  });

  test("errors bring code, text and hint", () => {
    const options = structBuffer(EngineOptions);
    const refused = (bytes: DataView) => {
      try {
        native.check("fm_plan", bytes, bytes.byteLength, options, allocate(Plan.size));
      } catch (error) {
        return error as FlashmoeError;
      }
      throw new Error("it was accepted");
    };
    const short = refused(allocate(16));
    expect(short).toBeInstanceOf(FlashmoeError);
    expect(short.code).toBe("invalid_argument");
    expect(short.message).toMatch(/at least \d+ bytes, not 16/);
    const empty = refused(allocate(4096));
    expect(empty.code).toBe("model_invalid");
    expect(empty.message.length).toBeGreaterThan(10);
    expect(empty.hint.length).toBeGreaterThan(10);
    // A pointer that is missing or crooked is refused, not followed.
    expect(native.call("fm_plan", null, 4096, options, allocate(Plan.size))).toBe(Result.invalidArgument);
    expect(native.call("fm_cpu_info", null)).toBe(Result.invalidArgument);
    expect(native.call("fm_cpu_info", new DataView(new ArrayBuffer(128), 3))).toBe(Result.invalidArgument);
  });

  test("a message that does not fit is cut and its length told", () => {
    expect(native.call("fm_cpu_info", null)).toBe(Result.invalidArgument);
    const place = allocate(8);
    const length = native.call("fm_error_message", 0, place, 8);
    expect(length).toBeGreaterThan(8);
    const whole = allocate(length);
    native.call("fm_error_message", 0, whole, length);
    expect(new Uint8Array(whole.buffer, 0, 8)).toEqual(new Uint8Array(place.buffer));
  });

  test("the machine describes itself", () => {
    const place = allocate(CpuInfo.size);
    native.check("fm_cpu_info", place);
    const info = readStruct(place, 0, CpuInfo);
    expect(info.cores).toBeGreaterThan(0);
    expect(info.memoryBytes).toBeGreaterThan(1 << 28);
    expect(info.supportedLevels & (1 << CpuLevel.scalar)).not.toBe(0);
    expect(info.supportedLevels & (1 << info.level)).not.toBe(0);
  });

  test("paths that no system could open are refused", () => {
    for (const path of ["", "a\0b", "p".repeat(5000)]) {
      const text = textArgument(path);
      expect(native.call("fm_fill", text.view, text.bytes, allocate(64))).toBe(Result.invalidArgument);
    }
  });
});

describe("loading", () => {
  test("FLASHMOE_LIBRARY names another file; what is wrong with it is said", () => {
    const path = join(fresh("library"), "..", "not-a-library.so");
    writeFileSync(path, "no library at all");
    const missing = child(loadAndReport, { FLASHMOE_LIBRARY: `${path}.missing` });
    expect(missing.stdout).toMatch(/^io_failed \| the native library .*missing does not exist \| .*FLASHMOE_LIBRARY/);
    const broken = child(loadAndReport, { FLASHMOE_LIBRARY: path });
    expect(broken.stdout).toMatch(/^io_failed \| the native library .*not-a-library.so cannot be loaded: .+ \| Unset/);
    const good = child(loadAndReport, { FLASHMOE_LIBRARY: native.path });
    expect(good.stdout).toBe(`loaded ${native.path}\n`);
  });

  test.if(process.arch === "x64")("a library of other sources is refused by its ABI hash", () => {
    const bytes = readFileSync(native.path);
    const hash = Buffer.alloc(4);
    hash.writeUInt32LE(abiHash);
    let patched = 0;
    for (let at = bytes.indexOf(hash); at >= 0; at = bytes.indexOf(hash, at + 4)) {
      bytes.writeUInt32LE((abiHash ^ 1) >>> 0, at);
      patched++;
    }
    expect(patched).toBeGreaterThan(0);
    const path = `${fresh("library")}.so`;
    writeFileSync(path, bytes);
    expect(child(loadAndReport, { FLASHMOE_LIBRARY: path }).stdout).toMatch(/^internal \| .* built from other sources/);
  });

  test("the same library opened twice is one: handles and counts are shared", () => {
    expect(new Native(native.path, null).call("fm_handle_count")).toBe(native.call("fm_handle_count"));
  });

  test("FLASHMOE_TRACE_FFI prints every call with its count and time at exit", () => {
    const source = `
      import { loadNative } from "./src/native/library.ts";
      const native = await loadNative();
      for (let i = 0; i < 5; i++) native.call("fm_handle_count");`;
    const traced = child(source, { FLASHMOE_LIBRARY: native.path, FLASHMOE_TRACE_FFI: "1" });
    expect(traced.exitCode).toBe(0);
    expect(traced.stderr).toMatch(/^native call +calls +total ms +mean us$/m);
    expect(traced.stderr).toMatch(/^fm_handle_count +5 +\d+\.\d{3} +\d+\.\d$/m);
    expect(traced.stderr).toMatch(/^fm_abi_hash +1 /m);
    expect(traced.stderr).not.toContain("fm_engine_open");
    const silent = child(source, { FLASHMOE_LIBRARY: native.path });
    expect(silent.stderr).toBe("");
  });
});
