"""Takes a sample of a file: the columns of its tables, with their values as texts, whatever they mean.

All rows go through the reader, with its limits and its own process, so a hostile file is refused as in a run. The names
come from its refusals, since it keeps the columns of a table only once it knows one of them.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_contracts.errors import FileRefusedError, UsageError
from data_contracts.sources.profile import Columns, FileLayout, Profile
from tasks.reading.formats import WORKBOOKS, format_of, split_format
from tasks.reading.json_files import ARRAY_NAMES, format_value
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions
from tasks.reading.values import NO_TEXT_WORDS, NOTHING_WORDS, is_nothing
from tasks.support.refusals import refusal

_MOST_ROWS, _MOST_BYTES, _MOST_JSON, _MOST_LEVELS = 20_000, 64 << 20, 32 << 20, 8
_LONGEST_NAME, _LONGEST_IN_TEXT = 200, 60
_TEXTS_OF_NOTHING = NOTHING_WORDS - NO_TEXT_WORDS
_NOWHERE = "\x00"
"""A name that no column and no sheet has."""
_LISTED = re.compile(
    r"(?:none of the columns |, but )'(.*?)'(?: and [\d,]+ more)?(?: is called |\. )", re.DOTALL
)
_MADE_UP = re.compile(r"column_\d+|(.+)_\d+", re.DOTALL)
"""Names that the reader gives to columns without one, and to the second of one name."""
_WORD = re.compile(r"[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|[A-Z][^\W\d_A-Z]+|\d+|#")
_VALUE = re.compile(
    r"-?\d+([.,]\d+)?|https?://\S+|\d{4}-\d\d-\d\d.*|pos(itive)?|neg(ative)?|[\[{].*", re.IGNORECASE
)
"""What is rather a value than the name of a column."""
_SENTENCE = re.compile(r"(\S+\s+){3}.*[^\s?]\s*$", re.DOTALL)
"""A name so is that of a column only in surveys, which ask something."""
_UNREAD, _MAY_BE_LAYOUT = (
    ("row_shape", "text_encoding"),
    ("header_broken", "encoding_broken", "encoding_unknown"),
)
_ENCODINGS = ("cp1252", "mac_roman", "latin-1", "utf-16-le", "utf-16-be")
_USUAL = re.compile("[’‘“”–—…éèêëàâçñöäüßÖÄÜóíáúãõôîïåø£°®™]")
"""Characters beyond ASCII that texts have, if their encoding is the right one."""


@dataclass(frozen=True)
class Column:
    """A column of a sample: the words of its name in lower case, and its values, None for a blank one.

    `counts` has the rows of each value, `variety` is the share of values that differ, `length` their mean length.
    `nothings` are the words for no value that it has, which the reader takes for texts.
    """

    name: str
    words: frozenset[str]
    values: Sequence[str | None]
    counts: Counter[str]
    filled: int
    variety: float
    length: float
    nothings: frozenset[str]

    def share(self, pattern: str) -> float:
        """Return the share of its values, of which each counts once, that begin with a pattern."""
        return sum(re.match(pattern, value) is not None for value in self.counts) / max(len(self.counts), 1)


@dataclass(frozen=True)
class Table:
    """A sample of a table: its columns that a profile can name and that have values, but no numbers of rows.

    `unread` are the rows that the reader could not read, by rule; `layout` has the keys of [file] by which it was read.
    """

    columns: Sequence[Column]
    names: Sequence[str]
    rows: int
    unread: Counter[str]
    layout: Mapping[str, Any]
    has_names: bool
    """No value stands where the names should be, and few are blank."""

    @property
    def is_split(self) -> bool:
        """Whether most rows have as many values as there are names."""
        return self.unread["row_shape"] <= 0.5 * self.rows


def sample_tables(path: Path, layout: Mapping[str, Any]) -> list[Table]:
    """Return a sample of each table of a file that may have reviews; `layout` has the keys of [file] that are given.

    Raises `FileRefusedError` for a file that can't be read, `UsageError` for one that is no table.
    """
    options, (base, _) = ReadOptions(), split_format(format_of(path))
    layouts: list[Mapping[str, Any]] = [layout]
    if base == "text":
        layouts = [{"format": "jsonl"}, {"format": "tsv", "delimiter": "\t"}, {"format": "csv"}]
    elif base in WORKBOOKS and not layout:
        sheets = _list_names(path, {"sheet": _NOWHERE}, options)
        layouts = [{"sheet": name} for name in sheets] if len(sheets) > 1 else [{}]
    elif base == "json" and not layout:
        layouts = [{"json_path": place} if place else {} for place in _list_arrays(path)] or [{}]
    tables = [table for each in layouts for table in _settle(path, each, options)]
    if base == "text":
        tables = [each for each in tables if _is_no_prose(each)][:1]
        if not tables:
            reason = "has no columns, so it needs no profile: each text file is one review"
            raise UsageError(f"{path}: {reason}. Next: drop such files into the inbox.")
    return tables or [_read(path, layouts[0], options)]  # which raises what is wrong


def _is_no_prose(table: Table) -> bool:
    """Return whether a text file is a table: it has tabs, or short names without a title above them."""
    has_tabs = "delimiter" in table.layout
    is_short = has_tabs or max(map(len, table.names), default=0) <= _LONGEST_IN_TEXT
    is_top = table.layout.get("header", 1) in ((0, 1) if has_tabs else (1,))
    return len(table.columns) > 1 and table.is_split and is_short and is_top


def _list_arrays(path: Path) -> list[str]:
    """Return the places of the arrays of objects in a JSON document; none of one that is packed, large or broken.

    Arrays whose places differ in one key, which says nothing of rows, and whose objects are alike, are one place: `*`.
    """

    def walk(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Set[str]]]:
        if isinstance(value, list) and isinstance(next(iter(value), None), dict):
            yield place, value[0].keys()
        elif isinstance(value, dict) and len(place) < _MOST_LEVELS:
            for name, held in value.items():
                yield from walk(held, (*place, name))

    arrays: list[tuple[tuple[str, ...], Set[str]]] = []
    with suppress(OSError, ValueError, RecursionError):
        arrays = [*walk(json.loads(path.read_bytes()), ())] if path.stat().st_size <= _MOST_JSON else []
    alike: dict[tuple[str, ...], list[tuple[str, Set[str]]]] = {}
    starred = {
        place: [(*place[:at], "*", *place[at + 1 :]) for at in range(len(place))] for place, _ in arrays
    }
    for place, keys in arrays:
        for key, each in zip(place, starred[place], strict=True):
            alike.setdefault(each, []).append((key.casefold(), keys))
    several = {each for each, siblings in alike.items() if _are_alike(*zip(*siblings, strict=True))}
    chosen = (next((each for each in starred[place] if each in several), place) for place, _ in arrays)
    return list(dict.fromkeys(map(".".join, chosen)))


def _are_alike(names: Sequence[str], keys: Sequence[Set[str]]) -> bool:
    """Return whether several arrays are one: their objects share most keys, and no name says that it has rows."""
    common = frozenset[str].intersection(*map(frozenset, keys))
    return len(names) > 1 and ARRAY_NAMES.isdisjoint(names) and 2 * len(common) >= max(map(len, keys)) > 0


def _settle(path: Path, layout: Mapping[str, Any], options: ReadOptions) -> list[Table]:
    """Return the sample of a table, in the encoding and with the header that fit; [] if it can't be read."""

    def read_all(key: str, values: Sequence[Any], layout: Mapping[str, Any]) -> list[Table]:
        tables: list[Table] = []
        for value in values:
            with suppress(FileRefusedError):
                tables.append(_read(path, {**layout, key: value}, options))
        return tables

    def rate(table: Table) -> tuple[int, int]:
        usual = (len(_USUAL.findall(value)) for column in table.columns for value in column.counts)
        return sum(usual), -table.unread["text_encoding"]

    found: list[Table] = []
    try:
        found = [_read(path, layout, options)]
        is_settled = not found[0].unread["text_encoding"]
    except FileRefusedError as error:
        is_settled = error.rule not in _MAY_BE_LAYOUT
    if not is_settled:
        found = sorted([*found, *read_all("encoding", _ENCODINGS, layout)], key=rate, reverse=True)
    if found and not (found[0].has_names and found[0].is_split):  # titles and notes may stand above the names
        numbers = [*range(2, 9), *([0] if any(map(_SENTENCE.match, found[0].names)) else [])]
        tables = read_all("header", numbers, found[0].layout)
        found = [*(each for each in tables if each.has_names and each.is_split and each.columns[1:]), *found]
    return found[:1]


def _list_names(path: Path, layout: Mapping[str, Any], options: ReadOptions) -> list[str]:
    """Return the names of columns, or of sheets, that the refusal lists of a profile that asks for none of them."""
    profile = Profile(columns=Columns(text=(_NOWHERE,)), file=FileLayout(**layout))
    try:
        next(read_review_file(path, replace(options, profile=profile)), None)
    except FileRefusedError as error:
        listed = _LISTED.search(error.detail)
        if listed is None or error.rule not in ("profile_column_missing", "sheet_missing"):
            raise
        return [name for name in listed[1].split("', '") if name.strip() and not name.endswith("…")]
    return []


def _read(path: Path, layout: Mapping[str, Any], options: ReadOptions) -> Table:
    """Return the sample of a table by the given keys of [file]."""
    keys = _list_names(path, layout, options)
    for key in keys:
        rows: list[dict[str, str]] = []
        unread, size, count = Counter[str](), 0, 0
        profile = Profile(columns=Columns(text=(key,)), file=FileLayout(**layout))
        try:
            for batch in read_review_file(path, replace(options, profile=profile)):
                size, count = size + batch.nbytes, count + batch.num_rows
                read = batch.select(["text", "extra", "rule", "raw"]).to_pylist()
                unread.update(row["rule"] for row in read if row["rule"] in _UNREAD)
                rows += (_show_row(key, row) for row in read if row["rule"] not in _UNREAD)
                if count >= _MOST_ROWS or size >= _MOST_BYTES:
                    break
            return _make_table(rows, Table((), keys, count, unread, dict(layout), True))
        except FileRefusedError as error:
            if error.rule != "text_column_type":  # a column of numbers can't be the text
                raise
    raise refusal("text_column_missing", "it has no column of texts")


def _show_row(key: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the filled values of a row, whose text is in the column `key`, as the reader shows columns of ours."""
    text = row["text"] if row["raw"] is None else row["raw"].decode("utf-8", "replace")
    shown = {name: format_value(value) for name, value in json.loads(row["extra"] or "{}").items()}
    return {name: each for name, each in {key: text, **shown}.items() if each and each.strip()}


def _make_table(rows: Sequence[Mapping[str, str]], read: Table) -> Table:
    """Return a table of rows; those that are equal count once. `read` has the names of its header."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    unnamed = [
        name
        for name in names
        if (match := _MADE_UP.fullmatch(name)) and match[1] in (None, *names, *read.names)
    ]
    unnamed = unnamed if read.layout.get("header", 1) else []
    usable = [name for name in names if name not in unnamed and len(name) <= _LONGEST_NAME]
    numbers = [[*map(str, range(start, start + len(rows)))] for start in (0, 1)] if len(rows) > 2 else []
    found = {name: [row.get(name, "") for row in rows] for name in names}
    columns = {
        name: [None if is_nothing(value) else value for value in found[name]]
        for name in usable
        if found[name] not in numbers
    }
    columns = {name: values for name, values in columns.items() if any(values)}
    distinct = zip(*dict.fromkeys(zip(*columns.values(), strict=True)), strict=True)
    made: list[Column] = []
    for name, values in zip(columns, distinct, strict=True):
        counts = Counter(value for value in values if value is not None)
        # The keys of the arrays that `*` stands for name the thing whose reviews each of them has.
        words = frozenset(" ".join(_WORD.findall("movie" if name == "*" else name)).lower().split())
        filled = counts.total()
        length = sum(len(value) * each for value, each in counts.items()) / filled
        nothings = {value.strip() for value in found[name] if value.strip().casefold() in _TEXTS_OF_NOTHING}
        made.append(
            Column(name, words, values, counts, filled, len(counts) / filled, length, frozenset(nothings))
        )
    is_named = usable == [*map(str, range(len(usable)))] or not any(map(_VALUE.fullmatch, usable))
    # Below the names of Qualtrics are the questions, which tell more.
    second = [each for column in made for each in column.values[1:2] if each]
    is_named = is_named and not any(each.startswith('{"ImportId"') for each in second)
    # The numbers of rows often have no name; else most columns have one, if the names are where they should be.
    nameless = sum(found[name] not in numbers for name in unnamed)
    is_named = is_named and nameless <= (len(names) // 2 if len(names) > 2 else 0)
    return replace(read, columns=made, names=names, has_names=is_named)
