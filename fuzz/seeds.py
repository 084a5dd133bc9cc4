#!/usr/bin/env python3
"""Makes the seeds anew: archives and tokens that are sound, for random bytes hardly ever are."""

import io
import json
import struct
import zipfile
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
DEFINITIONS = json.dumps([{"name": "app", "imageUri": "shop/web:1"}])
DETAIL = json.dumps({"ImageURI": "shop/web:3"})
PAGE = 64 << 10


class Unseekable(io.BytesIO):
    """What makes zipfile write the sizes behind each file."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation

    def tell(self):
        raise io.UnsupportedOperation


def archive(*files, method=zipfile.ZIP_DEFLATED, into=None, large=False):
    into = into or io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as writer:
        for path, content in files:
            entry = zipfile.ZipInfo(path)
            entry.compress_type = method
            entry.external_attr = 0o100644 << 16
            with writer.open(entry, "w", force_zip64=large) as file:
                file.write(content.encode())
    return into.getvalue()


def with_large_end(whole):
    files, end = whole[:-22], whole[-22:]
    count, size, place = struct.unpack("<8x2xHII2x", end)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, place)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(files), 1)
    return files + record + locator + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)


def spread(whole, pages):
    """The archive with zeros between its files and its directory, as the target's input says it."""
    directory = whole.index(b"PK\1\2")
    end = bytearray(whole)
    struct.pack_into("<I", end, len(end) - 6, directory + pages * PAGE)
    return struct.pack("<BHH", 128, directory, pages) + bytes(end)


def plain(whole, what=0):
    return bytes([what, 0, 0, 0, 0]) + whole


def tokens():
    web, former = [0, 8], [0, 7]
    roll = [web, "00000000000000000002", "00000000000000000001", 1_800_000_001_234]
    done = {"d": "00000000000000000002", "i": "x" * 21, "n": 3}
    stages = {
        "pending": "P",
        "registered": {"R": [web, former, former, "00000000000000000001", 99]},
        "rolling-out": {"O": [roll, former]},
        "undoing": {"U": [roll, former, ["rolled_back", "tasks failed: \"exit 1\""], "U"]},
        "asked": {"U": [roll, None, ["timed_out", "late"], {"A": 1_800_000_000_000}]},
        "rolling-back": {"B": [roll, ["timed_out", "why \u00fc"]]},
        "done": {"D": ["deployed", ""]},
    }
    for name, stage in stages.items():
        service = {"p": stage, "o": former, "b": former, "t": web, **done, "k": "rollout_failed"}
        yield name, [service]
    other = "arn:aws:ecs:eu-west-1:210987654321:task-definition/log:3"
    yield "none", []
    yield "several", [{"p": "P", "b": former}, {"p": {"D": ["deployed", "x" * 500]}, "b": [1, 1]}]
    yield "elsewhere", [{"p": "P", "b": former, "o": other}]


def token(services):
    whole = {"v": 2, "x": "0b1e7c4a-5a39-4d1c-8a61-2f7a1c9a3b10", "t": 1_800_000_000_000}
    if services:
        whole["a"] = "arn:aws:ecs:eu-west-1:123456789012:task-definition/"
        whole["f"] = ["web", "log"]
        whole["s"] = services
    return json.dumps(whole, separators=(",", ":")).encode()


def main():
    root = archive(("imagedefinitions.json", DEFINITIONS))
    stored = archive(("imagedefinitions.json", DEFINITIONS), method=zipfile.ZIP_STORED)
    artifacts = {
        "root": plain(root),
        "stored": plain(stored),
        "deeper": plain(archive(("a.txt", "a"), ("out/imagedefinitions.json", DEFINITIONS))),
        "detail": plain(archive(("imageDetail.json", DETAIL)), 2),
        "named": plain(archive(("deploy/images.json", DEFINITIONS), ("out/", "")), 3),
        "several": plain(archive(("a/imagedefinitions.json", "[]"), ("b/imagedefinitions.json", "[]"))),
        "streamed": plain(archive(("imagedefinitions.json", DEFINITIONS), into=Unseekable())),
        "large-sizes": plain(archive(("imagedefinitions.json", DEFINITIONS), large=True)),
        "large-end": plain(with_large_end(stored)),
        "bomb": plain(archive(("imagedefinitions.json", " " * 1_000_000))),
        "empty": plain(archive()),
        "spread": spread(root, 40),
        "spread-far": spread(stored, 16_000),
    }
    for target, seeds in ("artifact", artifacts), ("token", {name: token(of) for name, of in tokens()}):
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / name).write_bytes(content)


main()
