"""Odd names, numbers and values, and what is done to JSON and to lines of text."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

NAMES = (
    *("", " ", ".", "..", "../var/_index", "/uns", "/etc/hostname", "a/b", "a\nb", "\ttab", "=1+1"),
    *("nan", "None", "_index", "__proto__", "_other", "é" * 50, "\u202e gnp", "x" * 5000, "cell1"),
    *("\ud800", "gene1", "0", "<img src=x>", "%s%n", "{0.__class__}", "label", "total_counts"),
)
NUMBERS = (
    *(float("nan"), float("inf"), -float("inf"), -1.0, 0.5, 1e30, 1e300, 2.0**31, 2.0**53, -0.0),
    *(1e-310, -1e9, 1e9, 60_000_000.0, 0.0),
)
# Written as they stand: JSON knows some of them not.
RAW = ("1e999", "-1e999", "NaN", "-Infinity", "1" * 400, "1" * 5000, "1e-999", "01", "--1", "")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 7, 0.5, -0.5, 1e300, 10**18, 10**30, "", "x", "12", "NaN"),
    *([], {}, [[]], [1, 2], {"a": 1}, ["a"], [None], {"": None}, "../x", "/etc/hostname", "a\0b"),
    *("\ud800", [[1, 2], [3]], [[0, "x"]], [[[]]], "done", "running", "x" * 10**6, "lda", "nuts"),
)
_HOLE = '"hole-for-raw-text"'


def mangle_json(words: str, draw: random.Random) -> str:
    """JSON with another value somewhere, with more or fewer of them, or no JSON any more."""
    way = draw.random()
    if way < 0.08:
        return draw.choice(
            (
                *("[" * 100_000, '{"a":' * 100_000, "", "null", "[]", "3", '"x"', "{", "\0" * 100),
                *(
                    "[" * 100_000 + "]" * 100_000,
                    "\ufeff" + words,
                    words + words,
                    words[: len(words) // 2],
                ),
                *('{"a":1,' + words[1:], " " * 10**6 + words, "{" + words[1:].replace(":", "=", 1)),
            )
        )
    told = json.loads(words)
    holder, key = draw.choice(list(_places(told)))
    way, raw = draw.random(), ""
    if way < 0.15:
        holder.pop(key)
    elif way < 0.25 and isinstance(holder, dict):
        holder[draw.choice(NAMES)] = draw.choice(VALUES)
    elif way < 0.4:
        raw, holder[key] = draw.choice(RAW), json.loads(_HOLE)
    elif way < 0.5 and isinstance(holder[key], int | float):
        holder[key] = draw.choice((-1, 10, 0.5, 1e6)) * holder[key]
    else:
        holder[key] = draw.choice(VALUES)
    return json.dumps(told).replace(_HOLE, raw)


def _places(told: Any) -> Any:
    if isinstance(told, dict | list):
        for key in list(told) if isinstance(told, dict) else range(len(told)):
            yield told, key
            yield from _places(told[key])


def mutate_json(path: Path, draw: random.Random, _: Path) -> str:
    words = mangle_json(path.read_text(), draw)
    path.write_bytes(words.encode("utf-8", "surrogatepass"))
    return f"JSON: {words[:60]!r}"


# Bytes, packed, of what may be a bomb of before, which takes minutes to pack again.
BOMB = 2**17


def mutate_text(path: Path, draw: random.Random, _: Path) -> str:
    """Change a field, a line or all of a table in text, packed or not."""
    packed = path.suffix == ".gz"
    data = path.read_bytes()
    if packed and len(data) > BOMB:
        return ""
    if packed and draw.random() < 0.12:
        path.write_bytes(bomb(draw))
        return "a bomb"
    words = (gzip.decompress(data) if packed else data).split(b"\n")
    separator = next((s for s in (b"\t", b",", b" ") if s in words[len(words) // 2]), b" ")
    for _i in range(draw.choice((1, 1, 1, 3))):
        # The first lines say what the others are.
        place = draw.randrange(min(4, len(words)) if draw.random() < 0.4 else len(words))
        words, done = _change(words, place, separator, draw)
    text = b"\n".join(words)
    path.write_bytes(gzip.compress(text, mtime=0) if packed else text)
    return f"text: {done}"


def _change(
    words: list[bytes], place: int, separator: bytes, draw: random.Random
) -> tuple[list[bytes], str]:
    way = draw.choice(("number", "number", "number", "name", "delete", "double", "cut", "line"))
    fields = words[place].split(separator)
    column = draw.randrange(len(fields))
    if way == "number":
        fields[column] = draw.choice((*(f"{n:g}" for n in NUMBERS), *RAW, "9" * 18, "0")).encode()
    elif way == "name":
        fields[column] = draw.choice((*NAMES, '"', "a" * 10**6, "\0", "\r", "#")).encode(
            "utf-8", "surrogatepass"
        )
    elif way == "delete":
        fields.pop(column)
    elif way == "double":
        fields *= draw.choice((2, 1000))
    elif way == "cut":
        return words[:place], f"cut at {place}"
    else:
        odd = draw.choice((b"", b"%", b"%%MatrixMarket matrix array real general", b"\xff\xfe\0x"))
        return [*words[:place], odd, *words[place:]], f"{odd!r} before {place}"
    changed = separator.join(fields)
    return [*words[:place], changed, *words[place + 1 :]], f"{way} at {place}: {fields[0][:30]!r}"


def bomb(draw: random.Random) -> bytes:
    """Members of gzip that unpack to a few gigabytes."""
    piece = draw.choice((b"\0", b"\n", b"1 1 1\n", b"a\t", b"9"))
    one = gzip.compress(piece * (2**24 // len(piece)), mtime=0)
    return one * draw.choice((8, 200))
