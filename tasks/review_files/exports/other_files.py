"""Passes over the files of platforms' exports that hold no reviews: a zip of Letterboxd has a dozen beside the reviews.

Such a file is known by the names of its columns, by what is above them and by its rows. All must fit: with one more
column, even in one row, it is read like any other. The first bytes alone decide, so its size does not matter. Nothing
is known by what it lacks.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, repeat

from data_contracts.errors import FileRefusedError
from tasks.containers.formats import COMPRESSIONS
from tasks.containers.members import NAME_SHOWN, Member, naming_member
from tasks.review_files.column_mapping import find_column
from tasks.review_files.delimited_header import SEPARATORS
from tasks.review_files.encodings import decode_start
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.normalized_names import normalize_name
from tasks.support.refusals import refusal
from tasks.support.wording import count

HEAD_BYTES = 1 << 14
"""The first bytes of a file, by which it is known. What a list says of itself stands above the names of its columns."""
_LINK = r"https://boxd\.it/\w+"
_NAMED = 2
"""Files of each kind that are named."""


@dataclass(frozen=True)
class OtherFile:
    """A file of a platform's export that holds no reviews."""

    platform: str
    name: str
    holds: str
    header: tuple[str, ...]
    """The names of its columns, field by field."""
    reviews: str
    """The file of the same export that has the reviews."""
    first: str | None = None
    """What the first field of its rows is, as a regular expression: another table may stand below. It may be empty."""
    second: str | None = None
    """What the second field of its rows is, as a regular expression, where others may have such a header too.

    In some rows it may be empty, but not in all.
    """
    is_single: bool = False
    """Whether it has one row, whose first field is not empty."""
    path: str | None = None
    """The end of its path in an archive, where that tells too little."""
    above: tuple[tuple[str, ...] | None, ...] = ()
    """The lines above the header, without empty ones; None: any row as wide as the header."""

    def matches(self, rows: Sequence[list[str]], is_cut: bool, is_member: bool) -> bool:
        """Return whether a file begins as this one does; if it `is_cut`, the last field may have only its start."""
        lines = (*self.above, self.header)
        whole = rows[: len(rows) - is_cut]
        if len(whole) < len(lines) or not all(map(self._fits, whole, chain(lines, repeat(None)))):
            return False
        if is_cut and not self._may_end(rows[-1], whole[len(lines) :]):
            return False
        below = [*whole, rows[-1][:-1]][len(lines) :] if is_cut else whole[len(lines) :]
        return self._has_first(below) and (self.second is None or self._has_second(below, is_member))

    def _fits(self, row: list[str], line: tuple[str, ...] | None) -> bool:
        """Return whether a row is the line that is expected, or if none is, has as many fields as the header."""
        return len(row) == len(self.header) if line is None else tuple(row) == line

    def _may_end(self, row: list[str], above: Sequence[list[str]]) -> bool:
        """Return whether a row that is cut may be one of this file, below the rows `above`.

        A stray quote may have hidden the rows below it. So only a text in the last column may span lines, beside a link
        or, where some rows have none there, beside nothing.
        """
        spans_lines = [bool(re.search(r"[\r\n]", each)) for each in row]
        if len(row) > len(self.header) or any(spans_lines[: len(self.header) - 1]):
            return False
        return not any(spans_lines) or bool(re.fullmatch(_LINK, row[-2])) or self._may_lack_link(row, above)

    def _may_lack_link(self, row: list[str], above: Sequence[list[str]]) -> bool:
        """Return whether a row has no second field where this file may have none."""
        if row[1] or self.second is None or len(self.header) == 2:
            return False
        return not self.second or any(re.fullmatch(self.second, each[1]) for each in above if len(each) > 1)

    def _has_first(self, rows: Sequence[list[str]]) -> bool:
        """Return whether the rows have the first field of this file, and are as many as it has."""
        found = [row[0] for row in rows if row]
        if self.is_single and (len(rows) != 1 or not any(found)):
            return False
        return self.first is None or all(not each or re.fullmatch(self.first, each) for each in found)

    def _has_second(self, rows: Sequence[list[str]], is_member: bool) -> bool:
        """Return whether the rows have the second field of this file; a member without any rows can lose none."""
        if not rows:
            return is_member
        is_known = partial(re.fullmatch, str(self.second))
        found = [row[1] for row in rows if len(row) > 1]
        return any(map(is_known, found)) and all(not each or is_known(each) for each in found)

    def may_be_at(self, path: str | None) -> bool:
        """Return whether a file may be this one by its path in an archive; None: it is in none."""
        ends = (f"/{self.path}{compression}" for compression in ("", *COMPRESSIONS))
        return self.path is None or f"/{path}".endswith(tuple(ends))


@dataclass
class PassedOver:
    """The files of an archive that are passed over: how many there are of each kind, and the paths of the first."""

    files: Counter[str] = field(default_factory=Counter)
    first: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, path: str, kind: str) -> None:
        """Count one more file; `kind` is what it is, such as `Letterboxd diary`."""
        self.files[kind] += 1
        if self.files[kind] <= _NAMED:
            self.first[kind].append(path[:NAME_SHOWN])

    def describe(self) -> str:
        """Say in words which files were passed over; nothing if none was."""
        kinds = "; ".join(f"{kind} ({self._name_files(kind)})" for kind in self.files)
        return f"{count(self.files.total(), 'file')} in it without reviews: {kinds}" if kinds else ""

    def _name_files(self, kind: str) -> str:
        """Name the first files of a kind, with the number of the others."""
        others = self.files[kind] - len(self.first[kind])
        return ", ".join(self.first[kind]) + (f" and {count(others, 'other')}" if others else "")


_letterboxd = partial(OtherFile, "Letterboxd", reviews="reviews.csv")
_FILM = ("Date", "Name", "Year", "Letterboxd URI")
_DIARY = (*_FILM, "Rating", "Rewatch", "Tags", "Watched Date")
_PROFILE = (
    "Date Joined", "Username", "Given Name", "Family Name", "Email Address", "Location", "Website", "Bio", "Pronoun",
    "Favorite Films",
)  # fmt: skip
_COMMENTS = ("Date", "Content", "Comment")
_LIST = (("Letterboxd list export v7",), ("Date", "Name", "Tags", "URL", "Description"), None)
_LISTED = ("Position", "Name", "Year", "URL", "Description")
_DATE = r"\d{4}-\d\d-\d\d"
_NUMBER = r"\d+"

OTHER_FILES = (
    _letterboxd("films", "films that were seen, liked or are to be seen", _FILM, first=_DATE),
    _letterboxd("ratings", "ratings without texts", (*_FILM, "Rating"), first=_DATE),
    _letterboxd("diary", "a diary of films that were seen", _DIARY, first=_DATE),
    _letterboxd("profile", "what the account says of its owner", _PROFILE, first=_DATE, is_single=True),
    _letterboxd("list", "a list of films with notes, which are not scored", _LISTED, first=_NUMBER, above=_LIST),
    _letterboxd("likes", "links to what others wrote", ("Date", "Content"), second=_LINK),
    _letterboxd("comments", "comments on what others wrote", _COMMENTS, second=_LINK),
    _letterboxd("comments", "comments on what is gone", _COMMENTS, second="", path="orphaned/comments.csv"),
)  # fmt: skip


def pass_over_other_files(members: Iterator[Member], options: ReadOptions) -> Iterator[Member]:
    """Yield the members without those that are known to hold no reviews; `report_passed_over` is called for each.

    Raises `FileRefusedError`: no_reviews, for such a file that is no member; archive_empty, if there are no others.
    """
    passed, is_empty = PassedOver(), True
    for member in members:
        with naming_member(member.name):
            whole, found = _look_at(member, options) if member.format in SEPARATORS else (member, None)
        if found is None:
            is_empty = False
            yield whole
            continue
        if member.name is None:
            raise _refuse(found)
        kind = f"{found.platform} {found.name}"
        passed.add(member.name, kind)
        options.report_passed_over(member.name, kind)
    if passed.files and is_empty:
        raise refusal("archive_empty", passed.describe())


def find_other_file(
    head: bytes, format_name: str, options: ReadOptions, path: str | None = None
) -> OtherFile | None:
    """Return what a delimited file that begins with `head` is known to hold; None if it may hold reviews.

    It may if it has the column that a profile or `--text-column` names as the text. The file is whole if `head` has no
    more than `HEAD_BYTES`. `path` is its own in an archive; None: it is in none.
    """
    known = [each for each in OTHER_FILES if each.may_be_at(path)]
    text, is_cut = decode_start(head[:HEAD_BYTES], options), len(head) > HEAD_BYTES
    for separator in options.delimiter or SEPARATORS[format_name]:
        rows = _split_rows(text, separator, is_cut)
        found = next((each for each in known if each.matches(rows, is_cut, path is not None)), None)
        if found is not None:
            return None if _has_named_text(found.header, options) else found
    return None


def _look_at(member: Member, options: ReadOptions) -> tuple[Member, OtherFile | None]:
    """Return a member with all its bytes, and what it is known to hold if that is no reviews."""
    head = b""
    while len(head) <= HEAD_BYTES and (more := next(member.chunks, b"")):
        head += more
    found = find_other_file(head, member.format, options, member.name)
    return replace(member, chunks=chain([head], member.chunks)), found


def _split_rows(text: str, separator: str, is_cut: bool) -> list[list[str]]:
    """Return the rows of a text without those below the first that are empty; none if its quotes are wrong.

    If the text `is_cut`, a last field whose quote is still open ends with the text.
    """
    for end in ("", '"')[: 1 + is_cut]:
        rows = csv.reader(io.StringIO(text + end, newline=""), delimiter=separator, strict=True)
        with suppress(csv.Error):
            return [next(rows, []), *filter(None, rows)]
    return []


def _has_named_text(header: Sequence[str], options: ReadOptions) -> bool:
    """Return whether a header has a column that was stated as the text."""
    normalized = [normalize_name(name) for name in header]
    return any(find_column(header, normalized, name) is not None for name in options.column_plan.text)


def _refuse(found: OtherFile) -> FileRefusedError:
    """Return the refusal of a file that came by itself."""
    what = f"it is a file of {found.platform} with {found.holds}"
    return refusal("no_reviews", f"{what}; the reviews of that export are in '{found.reviews}'")
