"""Tells a .txt file that is a table from one that is a review.

Spreadsheets save "Unicode Text" with tabs, and shops send feeds with bars or commas. Tables without names of their
columns, as databases dump them, and tables aligned by spaces are refused.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, dropwhile

from tasks.containers.members import Member, naming_member
from tasks.review_files.column_mapping import MAX_COLUMNS, select_columns
from tasks.review_files.encodings import decode_start
from tasks.review_files.options import ReadOptions
from tasks.support.refusals import refusal

_HEAD_BYTES = 1 << 16
_LONGEST_NAME = 100
_SEPARATORS = {"\t": "tabs", "|": "bars"}
"""Those by which a table without names is known. Lines of a text often have equally many commas."""
_FORMATS = {"\t": "tsv", "|": "csv", ",": "csv", ";": "csv"}
_LEAST_LINES, _LEAST_FIELDS = 3, 3
"""Lines and fields from which on lines of equally many fields are no review."""
_NAME = re.compile(r"\S+(?: \S+)*")
"""A name in a header of columns that are aligned by spaces: two or more are between the names."""
_FEWEST_NAMES, _FEWEST_ROWS, _MOST_ALIGNED = 2, 2, 0.75
_LABEL = "__label__"
"""What begins each line of a file for fastText."""


_RECORD = re.compile(r"(\w{2,30}/\w{2,30}): ", re.ASCII)
"""How a line of a record begins in the sets of SNAP, such as `product/productId: `."""
_DAY, _TIME = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}", r"\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\.?)?"
_MESSAGE = re.compile(
    rf"[\ufeff\u200e]?\[?{_DAY},? {_TIME}\]?(?: -)? \W{{0,2}}(\w[^:]{{0,60}}): ", re.IGNORECASE
)
"""How a message begins in the export of a chat: when it was sent, and by whom."""
_FEWEST_MESSAGES, _FEWEST_WRITERS = 6, 2
"""Messages of a chat, and writers of several of them, at least: a diary has dates, and words with a colon, too."""
_LABELS = {"0", "1"}
_MOST = 0.9
"""Share of the lines, at least, that have a label or end a sentence; an odd break within one makes two of it."""
_MANY_LINES = 30
"""Lines from which on a text, each a sentence of its own and hardly one blank, may have a review on each."""
_MOST_BLANK = 0.02
"""Blank lines, at most, for each other line of such a text; a review has them between its paragraphs."""
_CLOSING = " \t\"')]*”’»"


def find_text_tables(members: Iterator[Member], options: ReadOptions) -> Iterator[Member]:
    """Yield the members; a text file whose first line has a text column among others becomes a table.

    Raises `FileRefusedError`: header_broken, for a text file that is a table without names.
    """
    for member in members:
        yield _find_table(member, options) if member.format == "text" else member


def _find_table(member: Member, options: ReadOptions) -> Member:
    """Return a text file as a table if its first line is a header."""
    head = next(member.chunks, b"")
    if not _is_decided(head, options):
        with naming_member(member.name):
            while not _is_decided(head, options) and (more := next(member.chunks, b"")):
                head += more
    format_name = "text"
    if _may_be_table(head):
        with naming_member(member.name):
            lines = _list_lines(head, options)
            format_name = _choose_format(lines, options)
            # Of many text files in an archive, one with many lines is one review too.
            if format_name == "text" and member.name is None:
                _require_no_chat(lines)
                _require_one_review(lines)
    return Member(member.name, format_name, chain([head], member.chunks), member.file_name, member.on_disk)


def _may_be_table(head: bytes) -> bool:
    """Return whether the start of a text has a separator, some signs in its first line, a label or many lines."""
    if head.count(b"\n") >= _MANY_LINES:
        return True
    first, end, _ = head.partition(b"\n")
    in_first = bool(end) and any(sign in first for sign in (b",", b";", b"/", b"  "))
    return in_first or b"\t" in head or b"|" in head or _LABEL.encode() in head


def _is_decided(head: bytes, options: ReadOptions) -> bool:
    """Return whether a text has its first line in `head`, or is no table, or is too long for a header."""
    if len(head) >= _HEAD_BYTES:
        return True
    return b"\n" in head and (not _may_be_table(head) or bool(_list_lines(head, options)))


def _list_lines(head: bytes, options: ReadOptions) -> list[str]:
    """Return the lines of a text that end in `head`."""
    lines = decode_start(head[:_HEAD_BYTES], options).splitlines(keepends=True)
    return [line.rstrip("\r\n") for line in lines if line.endswith(("\n", "\r"))]


def _choose_format(lines: Sequence[str], options: ReadOptions) -> str:
    """Return the format of a text with these first lines; refuse one that is a table without names."""
    filled = [line for line in lines if line.strip()]
    for separator, format_name in _FORMATS.items():
        if lines and _is_header(lines[0], separator, options):
            return format_name
    if _are_aligned(filled, options):
        problem = "its columns are aligned by spaces, which may be in the texts too"
        raise refusal("header_broken", f"{problem}: write it as CSV (pandas: read_fwf)")
    if len(filled) >= _LEAST_LINES:
        _require_no_table(filled)
    return "text"


def _is_header(line: str, separator: str, options: ReadOptions) -> bool:
    """Return whether a line has several short names, of which one is that of the text column.

    Since writers use the other signs too, another name must be a known one then. After a comma they leave a space.
    """
    # A header of more names is refused when it is read.
    names = [name.strip('"') for name in line.split(separator, MAX_COLUMNS)[:MAX_COLUMNS]]
    if len(names) == 1 or any(len(name) > _LONGEST_NAME for name in names):
        return False
    if separator in ",;" and any(name.startswith(" ") for name in names):
        return False
    known = select_columns(names, options.column_plan).known
    return "text" in known and (separator == "\t" or len(known) > 1)


def _are_aligned(lines: Sequence[str], options: ReadOptions) -> bool:
    """Return whether lines are a header and rows whose columns begin or end below their names; one is the text.

    Most rows have several values, with two blanks or more between them: those of prose have not.
    """
    names = list(_NAME.finditer(lines[0])) if len(lines) > _FEWEST_ROWS else []
    if not _FEWEST_NAMES <= len(names) <= MAX_COLUMNS or any(len(each[0]) > _LONGEST_NAME for each in names):
        return False
    known = select_columns([each[0] for each in names], options.column_plan).known
    full = sum(len(_NAME.findall(line)) >= _FEWEST_NAMES for line in lines[1:])
    if (
        "text" not in known
        or len(known) == 1
        or full < _FEWEST_ROWS
        or full < _MOST_ALIGNED * (len(lines) - 1)
    ):
        return False
    return all(_is_aligned(each.span(), lines[1:]) for each in names)


def _is_aligned(name: tuple[int, int], lines: Sequence[str]) -> bool:
    """Return whether all lines have a blank before the start of a name, or all behind its end."""
    start, end = name
    before = slice(start - 1, start) if start else slice(0)
    return any(all(not line[place].strip() for line in lines) for place in (before, slice(end, end + 1)))


def _count_alike(lines: Sequence[str], separator: str) -> int:
    """Return the fields of every line, if they are equally many and enough for a table, else 0."""
    counts = {line.count(separator) + 1 for line in lines}
    return counts.pop() if len(counts) == 1 and min(counts) >= _LEAST_FIELDS else 0


def _find_repeated_key(lines: Sequence[str]) -> str | None:
    """Return the name with which the first line begins if most lines begin so, and another record with the same."""
    found = [match[1] for line in lines if (match := _RECORD.match(line))]
    is_record = len(found) * 2 > len(lines) and _RECORD.match(lines[0]) and found.count(found[0]) > 1
    return found[0] if is_record else None


def _are_labelled(lines: Sequence[str]) -> bool:
    """Return whether nearly each line is a text and a label, on the same side of its only tab."""
    pairs = [line.split("\t") for line in lines]
    sides = (sum(len(pair) == 2 and pair[side].strip() in _LABELS for pair in pairs) for side in (0, 1))
    return max(sides) >= _MOST * len(lines)


def _require_no_table(lines: Sequence[str]) -> None:
    """Refuse lines that are rows of a table: as one review they would get one score."""
    if all(line.startswith(_LABEL) for line in lines):
        problem = f"each line begins with {_LABEL}, as for fastText"
        raise refusal("header_broken", f"{problem}: write them as CSV, with the columns label and text")
    if (key := _find_repeated_key(lines)) is not None:
        problem = f"it has several records of lines such as '{key}: ...'"
        raise refusal("header_broken", f"{problem}: write them as CSV, with a column for each name")
    if _are_labelled(lines):
        problem = "the lines are texts, each with a tab and the label 0 or 1"
        raise refusal("header_broken", f"{problem}: put a line above them, with the names text and label")
    for separator, name in _SEPARATORS.items():
        if fields := _count_alike(lines, separator):
            problem = f"each line has {fields:,} fields with {name} between them, and the first names no text"
            raise refusal("header_broken", f"{problem}: put a line with the names of the columns above them")


def _require_no_chat(lines: Sequence[str]) -> None:
    """Refuse lines most of which are messages of a chat, with several of each of its writers."""
    writers = Counter(match[1] for line in lines if (match := _MESSAGE.match(line)))
    messages, several = writers.total(), sum(times > 1 for times in writers.values())
    if messages >= _FEWEST_MESSAGES and messages * 2 > len(lines) and several >= _FEWEST_WRITERS:
        problem = (
            f"{messages:,} of the first {len(lines):,} lines are messages of a chat, with date and writer"
        )
        raise refusal("header_broken", f"{problem}: write its reviews as CSV, with the columns date and text")


def _require_one_review(lines: Sequence[str]) -> None:
    """Refuse many lines, hardly one blank, of which nearly each ends a sentence: each may be a review."""
    filled = [line for line in lines if line.strip()]
    blank = len(list(dropwhile(lambda line: not line.strip(), reversed(lines)))) - len(filled)
    if len(filled) < _MANY_LINES or blank > _MOST_BLANK * len(filled):
        return
    ended = sum(line.rstrip(_CLOSING).endswith((".", "!", "?", "…")) for line in filled)
    if ended >= _MOST * len(filled):
        problem = (
            f"nearly each of the first {len(filled):,} lines ends a sentence, so that each may be a review"
        )
        step = "write them as CSV with the column text; if it is one review, leave blank lines between its paragraphs"
        raise refusal("header_broken", f"{problem}: {step}")
