"""Mutations of CSV, TSV, JSON lines and plain text: quotes, line ends, encodings, columns, depth and numbers."""

import json
import random
from collections.abc import Callable, Mapping

from tests.fuzz.byte_mutations import Mutate

_BREAKS = (
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\r",
    b"\r\r\n",
    b"\x0b",
    b"\x0c",
    b"\x1c",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\0",
)
_PIECES = (
    b'"', b'""', b'"""', b"'", b",", b"\t", b";", b"\\", b'\\"', b'","', b'"\n"', b"\xef\xbb\xbf",
    b"\xff\xfe", b"\0", b"\x1a", b"\x80",
    b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xef\xb7\x90",
    b"\xef\xb7\x98\xef\xb7\xa0", b"\xef\xbf\xbf", b"\xf0\x9f\x8e\xac",
    "\ufdd0endofthepiece".encode(), b"text,", b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"-",
    b"\\u0000", b"\\ud800", b"\\udc00",
)  # fmt: skip
_ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-be",
    "latin-1",
    "cp1252",
    "utf-8-sig",
    "utf-7",
    "cp037",
)
_CELLS = (
    b"", b" ", b"NULL", b"nan", b"inf", b"-1", b"1e308", b"1e999", b"9" * 400, b"0x10", b"10/10", b"5/5",
    b"11", b"0", b"8.", b"pos", b"-1",
    b"2024-02-30", b"9999-12-31T23:59:59.999999-23:59", b"0001-01-01T00:00:00+23:59", b"99999999999999",
    b"999999999", b"2024-W01", b"20240131",
    b"\xd9\xa3", b"\xc2\xb2", b"true", b"\xff", b"a\0b", b'"', b"x" * 5000,
)  # fmt: skip
_NAMES = (
    b"text", b"Text ", b"TEXT", b"review", b"body", b"id", b"movie", b"date", b"timestamp", b"label",
    b"stars", b"rating", b"", b" ", b"x\0", b"\xff",
    b"\xef\xbb\xbftext", b"extra", b"row_number", b"column_3", b"a" * 3000, b"\xc4\xb0", b'"', b"text_2",
)  # fmt: skip


def _insert_pieces(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 8])):
        place = chance.randrange(len(data) + 1)
        data = data[:place] + chance.choice(_PIECES) * chance.choice([1, 1, 1, 2, 70]) + data[place:]
    return data


def _change_breaks(chance: random.Random, data: bytes) -> bytes:
    """Replace all line breaks, or one, by another kind, or remove the last."""
    new = chance.choice(_BREAKS)
    if chance.random() < 0.5:
        return data.replace(b"\n", new)
    lines = data.split(b"\n")
    place = chance.randrange(len(lines))
    return b"\n".join(lines[: place + 1]) + new + b"\n".join(lines[place + 1 :])


def _change_encoding(chance: random.Random, data: bytes) -> bytes:
    """Write the text, or its rest from some position, in another encoding, with or without a byte order mark."""
    encoding = chance.choice(_ENCODINGS)
    place = chance.choice([0, 0, 0, chance.randrange(len(data) + 1)])
    encoded = data[place:].decode("utf-8", "replace").encode(encoding, "replace")
    mark = chance.choice(
        [b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff"]
    )
    return mark + data[:place] + encoded


def _grow(chance: random.Random, data: bytes) -> bytes:
    """Insert a very long run of characters."""
    place = chance.randrange(len(data) + 1)
    run = chance.choice(
        [
            b"a",
            b'"',
            b",",
            b"\n",
            b"\0",
            b"[",
            b"{",
            b" ",
            b"\xff",
            b"9",
            b'{"a":',
            b"a,",
            b"\r",
            b"\xe2\x82\xac",
        ]
    )
    return data[:place] + run * chance.choice([100, 5000, 70_000, 300_000]) + data[place:]


def _on_lines(mutate: Callable[[random.Random, list[bytes]], None]) -> Mutate:
    def apply(chance: random.Random, data: bytes) -> bytes:
        lines = data.split(b"\n")
        mutate(chance, lines)
        return b"\n".join(lines)

    return apply


def _move_lines(chance: random.Random, lines: list[bytes]) -> None:
    place = chance.randrange(len(lines))
    way = chance.randrange(5)
    if way == 0:
        del lines[place]
    elif way == 1:
        lines.insert(chance.randrange(len(lines)), lines[0])
    elif way == 2:
        lines[place:place] = [b""] * chance.choice([1, 100])
    elif way == 3:
        lines[place:place] = [lines[place]] * chance.choice([1, 10, 1000])
    else:
        lines.reverse()


def _separator(data: bytes) -> bytes:
    return b"\t" if data.count(b"\t") > data.count(b",") else b","


def _change_cell(chance: random.Random, lines: list[bytes]) -> None:
    place = chance.randrange(len(lines))
    separator = _separator(lines[place])
    cells = lines[place].split(separator)
    cell = chance.choice(_CELLS)
    cells[chance.randrange(len(cells))] = chance.choice(
        [cell, b'"' + cell + b'"', b'"' + cell, cell + b'"', cell + b'"x"']
    )
    lines[place] = separator.join(cells)


def _change_header(chance: random.Random, lines: list[bytes]) -> None:
    """Rename, duplicate, add or remove columns in the first row."""
    separator = _separator(lines[0])
    names = lines[0].split(separator)
    place = chance.randrange(len(names))
    new = chance.choice(_NAMES)
    ways = [
        [new],
        [names[place], new],
        [],
        [names[place], names[place]],
        [b"c"] * chance.choice([3, 500, 9_999, 10_001]),
    ]
    names[place : place + 1] = chance.choice(ways)
    lines[0] = separator.join(names)


def _change_separator(chance: random.Random, data: bytes) -> bytes:
    return data.replace(_separator(data), chance.choice([b";", b"\t", b",", b"|", b",,", b", "]))


def _add_columns(chance: random.Random, lines: list[bytes]) -> None:
    """Add many columns to every row."""
    separator = _separator(lines[0])
    count = chance.choice([5, 300, 3000])
    more = separator + separator.join([chance.choice([b"", b"x", b'"y"'])] * count)
    lines[0] += separator + separator.join(b"c%d" % place for place in range(count))
    lines[1:] = [line + more for line in lines[1:]]


# JSON


def _write_json(chance: random.Random) -> bytes:
    """Write an odd value that a parser may accept."""
    depth = chance.choice([1, 63, 64, 65, 500, 1000, 50_000])
    odd = (
        b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"9" * 5000,
        b"-" + b"9" * 4300, b"1e999", b"-1e999", b"NaN",
        b"-Infinity", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83c\\udfac"', b'"\xff"',
        b'"\xed\xa0\x80"', b'"\\u0000"', b"1.0", b"1E400",
        b"123456789012345678901234567890", b"0.1e-400", b"true", b"null", b'""', b"[]", b"{}", b"01",
        b"1.", b"'x'", b"undefined", b'"a\nb"', b"[1,]",
        b'{"a":1,"a":2}', b'[{"a":NaN}]', b'{"\\ud800":1}', b"1e5", b"-0", b"-0.0", b'{"":""}', b"[" * depth,
    )  # fmt: skip
    return chance.choice(odd)


def _change_value(chance: random.Random, lines: list[bytes]) -> None:
    """Set a key of one line to an odd value, also as a second value of that key."""
    place = chance.randrange(len(lines))
    try:
        row = json.loads(lines[place])
        key = chance.choice(list(row))
        value = json.dumps(row[key]).encode()
    except (ValueError, RecursionError, TypeError, IndexError):
        lines[place] = _write_json(chance)
        return
    written = json.dumps(row).encode()
    new = _write_json(chance)
    doubled = written[:-1] + b", " + json.dumps(key).encode() + b": " + new + b"}"
    lines[place] = chance.choice([written.replace(value, new, 1), doubled])


def _change_keys(chance: random.Random, lines: list[bytes]) -> None:
    """Rename a key in all lines, or add another key, or very many, to one line."""
    if chance.random() < 0.5:
        old, new = (
            chance.choice([b'"text"', b'"id"', b'"movie_id"', b'"stars"']),
            b'"' + chance.choice(_NAMES) + b'"',
        )
        lines[:] = [line.replace(old, new) for line in lines]
        return
    place = chance.randrange(len(lines))
    more = b", ".join(b'"k%d": %d' % (number, number) for number in range(chance.choice([1, 100, 5000])))
    lines[place] = lines[place].replace(b"{", b"{" + more + b", ", 1)


def _change_document(chance: random.Random, data: bytes) -> bytes:
    """Write all lines as one array, over many lines, on one line, or with other bytes around."""
    lines = data.split(b"\n")
    return chance.choice([
        b"[" + b",\n".join(lines) + b"]", data.replace(b", ", b",\n"), b" ".join(lines),
        b"\n".join(b" " + line + b"\t" for line in lines),
        b"{}\n" * chance.choice([3, 1000, 1000, 2_000_000]) + data, b"null\n" + data, data + b"{",
        b"\x1e" + data.replace(b"\n", b"\n\x1e"), b"{\n" + data,
    ])  # fmt: skip


_ANY: Mapping[str, Mutate] = {
    "pieces": _insert_pieces,
    "breaks": _change_breaks,
    "encoding": _change_encoding,
    "grow": _grow,
    "lines": _on_lines(_move_lines),
}
DELIMITED: Mapping[str, Mutate] = {
    **_ANY,
    "cell": _on_lines(_change_cell),
    "header": _on_lines(_change_header),
    "separator": _change_separator,
    "columns": _on_lines(_add_columns),
}
JSON_LINES: Mapping[str, Mutate] = {
    **_ANY,
    "value": _on_lines(_change_value),
    "value again": _on_lines(_change_value),
    "keys": _on_lines(_change_keys),
    "document": _change_document,
}
TEXT: Mapping[str, Mutate] = _ANY
