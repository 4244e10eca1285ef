// node scripts/check-signature.mjs FILE...: recomputes every page hash of a Mach-O file's code signature. macOS kills a
// program whose signature is wrong, and these files are signed by tools that ran on Linux.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { main, Problem } from "./lib/project.mjs";
import { summaryLine } from "./lib/tally.mjs";

const LC_CODE_SIGNATURE = 0x1d;
const MH_MAGIC_64 = 0xfeedfacf;
const SUPER_BLOB = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const SHA256 = 2;
const ADHOC = 0x2;

/** Where the signature lies: { offset, size } from the load command that names it. */
function signatureOf(file) {
  if (file.readUInt32LE(0) !== MH_MAGIC_64) throw new Problem("not a 64-bit Mach-O file");
  const commands = file.readUInt32LE(16);
  let at = 32;
  for (let i = 0; i < commands; i++, at += file.readUInt32LE(at + 4))
    if (file.readUInt32LE(at) === LC_CODE_SIGNATURE)
      return { offset: file.readUInt32LE(at + 8), size: file.readUInt32LE(at + 12) };
  throw new Problem("no code signature");
}

/** The code directory inside the signature, as a buffer of its own. */
function codeDirectoryOf(file, { offset, size }) {
  if (offset + size > file.length) throw new Problem("the signature lies beyond the end of the file");
  const blob = file.subarray(offset, offset + size);
  if (blob.readUInt32BE(0) !== SUPER_BLOB) throw new Problem("the signature is no super blob");
  for (let i = 0; i < blob.readUInt32BE(8); i++) {
    const directory = blob.subarray(blob.readUInt32BE(12 + 8 * i + 4));
    if (directory.readUInt32BE(0) === CODE_DIRECTORY) return directory;
  }
  throw new Problem("the signature has no code directory");
}

/** Throws unless all pages up to the signature are covered and hash to what the directory says; returns their count. */
function checkPages(file) {
  const signature = signatureOf(file);
  const directory = codeDirectoryOf(file, signature);
  const [flags, hashes, slots, limit] = [12, 16, 28, 32].map((at) => directory.readUInt32BE(at));
  const [hashSize, hashType, pageBits] = [36, 37, 39].map((at) => directory[at]);
  if ((flags & ADHOC) === 0) throw new Problem(`flags ${flags.toString(16)}: not signed ad hoc`);
  if (hashType !== SHA256 || hashSize !== 32) throw new Problem(`hash type ${hashType} of ${hashSize} bytes`);
  if (limit !== signature.offset)
    throw new Problem(`covers ${limit} bytes, the signature starts at ${signature.offset}`);
  const page = 2 ** pageBits;
  if (slots !== Math.ceil(limit / page)) throw new Problem(`${slots} hashes for ${limit} bytes`);
  for (let i = 0; i < slots; i++) {
    const bytes = file.subarray(i * page, Math.min((i + 1) * page, limit));
    const wanted = directory.subarray(hashes + 32 * i, hashes + 32 * (i + 1));
    if (!createHash("sha256").update(bytes).digest().equals(wanted)) throw new Problem(`page ${i} has another hash`);
  }
  return slots;
}

await main((paths) => {
  if (paths.length === 0) throw new Problem("usage: check-signature.mjs FILE...");
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const path of paths) {
    try {
      console.log(`${path}: ${checkPages(readFileSync(path))} page hashes valid`);
      tally.passed++;
    } catch (error) {
      console.log(`${path}: ${error.message}`);
      tally.failed++;
    }
  }
  console.log(summaryLine(tally));
  return tally.failed === 0 ? 0 : 1;
});
