"""Reads the rows of a JSON document: an array of objects, or an object that has one such array somewhere in it.

It runs in a process of its own (`tables.separate_process`), since the parser may crash, as on a number of thousands of
digits. The document is parsed as a stream, so memory does not grow with its size (`json_event_parser`). Nested objects
become columns with dotted names, such as 'user.name'; lists stay lists. An element that is no object is reported with a
defect. A document that is no JSON, repeats a key of an object, or has reviews in several arrays, or two arrays at one
path, is refused.
"""

import io
from collections.abc import Iterator
from itertools import chain
from threading import Event
from typing import IO, Any

import ijson

from data_contracts.errors import ReviewsError
from tasks.containers.streams import read_stream
from tasks.review_files.encodings import escape_invalid, restore_bytes, to_utf8
from tasks.review_files.grouping_items import group_into_batches
from tasks.review_files.objects.array_surroundings import Movie, Surroundings
from tasks.review_files.objects.half_surrogates import decode_half_pairs
from tasks.review_files.objects.json_array_choice import Item, choose_rows
from tasks.review_files.objects.json_event_parser import JsonDocument, TextSource
from tasks.review_files.objects.json_paths import find_rows
from tasks.review_files.objects.nested_reviews import refuse_values, require_rows_text
from tasks.review_files.objects.object_rows import (
    MAX_KEYS,
    TYPE_NAMES,
    ObjectRow,
    Select,
    drop_invalid,
    dump_value,
    flatten_object,
    is_valid_text,
    make_object_rows,
)
from tasks.review_files.options import ReadOptions, require_rows
from tasks.review_files.raw_rows import Defect, RawRows
from tasks.support.memory import require_memory
from tasks.support.refusals import refusal
from tasks.support.wording import count


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON document; the first one gets the number `first_row`.

    Raises `FileRefusedError`: the rules of `read_json_document` and of `to_utf8`.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return read_json_document(to_utf8(read_stream(file, size), options), first_row, options)


def read_json_document(text: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON document, given as UTF-8; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, text_column_missing if no row of the first batch has a text, bomb_suspected.
    """
    outer = Surroundings(Select(options.column_plan))
    return outer.require_movie(_read_batches(text, first_row, options, outer), options.json_path)


def _read_batches(
    text: Iterator[bytes], first_row: int, options: ReadOptions, outer: Surroundings
) -> Iterator[RawRows]:
    """Yield the rows of a document that has `outer` around its arrays; a movie is known if it was read before them."""
    escaped, select, next_row = Event(), outer.select, first_row
    source = TextSource(escape_invalid(decode_half_pairs(text), escaped.set), options.batch_bytes)
    document = JsonDocument(source, options.json_path, outer)
    items = choose_rows(document.read_items(), select, options, outer)
    for group in group_into_batches(
        _refuse_broken(items, document), lambda item: item[1], options.batch_rows, options.batch_bytes
    ):
        require_rows(next_row - 1 + len(group), options.most_rows)
        path = outer.rows if options.json_path is None else options.json_path
        movie, values = _restore_all(outer.find_movie(path), [item for item, _ in group], escaped.is_set())
        rows = [_make_row(value, select, movie) for value in values]
        if next_row == first_row:
            refuse_values(values, select, path)
            require_rows_text(rows, select, options.column_plan, find_rows(path))
        yield make_object_rows(rows, select, next_row)
        next_row += len(rows)


def _refuse_broken(items: Iterator[Item], document: "JsonDocument") -> Iterator[Item]:
    """Yield the items; turn the errors of the parser into refusals."""
    try:
        yield from items
    except ReviewsError:
        raise
    except (ijson.JSONError, ValueError, ArithmeticError, SystemError, MemoryError) as error:
        require_memory(error)
        place = f"it is not JSON after {count(document.built, 'object')}"
        raise refusal(
            "json_broken", f"{place}: {_describe(str(error), document.source.is_at_end)}"
        ) from error


def _describe(error: str, is_at_end: bool) -> str:
    """Say what the parser found; its own words repeat the content."""
    if "premature EOF" in error and is_at_end:
        return "it ends in the middle, as a file does that was cut off"
    if "trailing garbage" in error:
        return (
            "more follows its end; if each line is an object, call it .jsonl, else jq -c . writes such lines, or "
            "jq -c '.[]' where arrays follow each other"
        )
    if "NaN" in error or "Infinity" in error:
        return "NaN or Infinity is no number of JSON: write null for it"
    if "comment" in error:
        return "JSON has no comments"
    return "a comma, a quote, a bracket or a number is wrong"


def _restore(value: Any) -> Any:
    """Undo `escape_invalid` in a value: bytes that are not UTF-8 become lone surrogates."""
    if isinstance(value, str):
        return restore_bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {_restore(name): _restore(each) for name, each in value.items()}
    return [_restore(each) for each in value] if isinstance(value, list) else value


def _restore_all(movie: Movie, values: list[Any], is_escaped: bool) -> tuple[Movie, list[Any]]:
    """Return a movie, if it is valid, and the elements of an array, as they were before `escape_invalid`."""
    if is_escaped:
        movie, values = _restore(movie), list(map(_restore, values))
    return movie if all(map(is_valid_text, chain(movie, movie.values()))) else {}, values


def _make_row(item: Any, select: Select, movie: Movie) -> ObjectRow:
    """Return the columns of an element, which has this movie if it names none, and its defect if it has one."""
    if not isinstance(item, dict):
        found = TYPE_NAMES.get(type(item), "a text or null")
        return {}, Defect("row_shape", f"{found}, not an object", dump_value(item))
    row = flatten_object(item)
    if movie and "movie_id" not in select(tuple(row)).known:
        row = {**movie, **row}
    if len(row) > MAX_KEYS:
        detail = f"an object of {len(row):,} keys, the limit is {MAX_KEYS:,}"
        return {}, Defect("row_shape", detail, None)
    if all(map(is_valid_text, chain(row, row.values()))):
        return row, None
    return drop_invalid(row, b"", select)
