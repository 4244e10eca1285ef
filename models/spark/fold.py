"""Brings a folder's weights through a narrow door: compressed parts of at most 15.5 MiB, joined and checked on the other side.

    python fold.py pack build/spark-bf16 build/fold
    python fold.py join build/fold build/spark-bf16

The bytes of bf16 numbers are split into low and high ones: the high ones (sign and exponent)
compress well.  `manifest.json` holds the SHA-256 of every part and of every file.
"""

import argparse
import hashlib
import json
import lzma
from multiprocessing import Pool
from pathlib import Path

PART = 15 * 2 ** 20 + 2 ** 19
PIECE = 4 * 2 ** 20


def sha(data):
    return hashlib.sha256(data).hexdigest()


def squeeze(piece):
    small = lzma.compress(piece, preset=3)
    return small if len(small) < len(piece) else b"\0" + piece   # an xz stream never begins with a zero


def spread(piece):
    return piece[1:] if piece[:1] == b"\0" else lzma.decompress(piece)


def pack(folder, out):
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
    whole = b"".join(files.values())
    planes = whole[::2], whole[1::2]
    pieces = [plane[i: i + PIECE] for plane in planes for i in range(0, len(plane), PIECE)]
    with Pool() as pool:
        small = pool.map(squeeze, pieces, chunksize=1)
    blob = b"".join(small)
    parts = [blob[i: i + PART] for i in range(0, len(blob), PART)]
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("part-*"):
        old.unlink()
    for i, part in enumerate(parts):
        (out / f"part-{i + 1:02d}").write_bytes(part)
    manifest = {"files": [{"name": n, "bytes": len(d), "sha256": sha(d)} for n, d in files.items()],
                "pieces": [len(p) for p in small], "parts": [{"bytes": len(p), "sha256": sha(p)} for p in parts]}
    (out / "manifest.json").write_text(json.dumps(manifest) + "\n")
    print(f"{len(whole):,} bytes in {len(parts)} parts of {len(blob):,} bytes together")


def join(folder, out):
    manifest = json.loads((folder / "manifest.json").read_text())
    parts = []
    for i, told in enumerate(manifest["parts"]):
        part = (folder / f"part-{i + 1:02d}").read_bytes()
        if sha(part) != told["sha256"]:
            raise SystemExit(f"part-{i + 1:02d} is not what was packed: fetch it again")
        parts.append(part)
    blob, pieces, at = b"".join(parts), [], 0
    for size in manifest["pieces"]:
        pieces.append(spread(blob[at: at + size]))
        at += size
    planes, total = b"".join(pieces), sum(f["bytes"] for f in manifest["files"])
    half = (total + 1) // 2
    whole = bytearray(total)
    whole[::2], whole[1::2] = planes[:half], planes[half:]
    out.mkdir(parents=True, exist_ok=True)
    at = 0
    for told in manifest["files"]:
        data = bytes(whole[at: at + told["bytes"]])
        if sha(data) != told["sha256"]:
            raise SystemExit(f"{told['name']} is not what was packed")
        (out / told["name"]).write_bytes(data)
        at += told["bytes"]
    print(f"{len(manifest['files'])} files, {total:,} bytes, all as packed")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("what", choices=("pack", "join"))
    args.add_argument("folder", type=Path)
    args.add_argument("out", type=Path)
    args = args.parse_args()
    (pack if args.what == "pack" else join)(args.folder, args.out)


if __name__ == "__main__":
    main()
