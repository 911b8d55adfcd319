"""Passes over the files of platforms' exports that hold no reviews: a zip of Letterboxd has a dozen beside the reviews.

Such a file is known by its whole first line, and where others may have it too, by its rows: with one more column it is
read like any other. The first bytes alone decide, so its size does not matter. Nothing is known by what it lacks.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from data_contracts.errors import FileRefusedError
from tasks.containers.members import Member, naming_member
from tasks.review_files.delimited_header import SEPARATORS
from tasks.review_files.encodings import decode_start
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.normalized_names import normalize_name
from tasks.support.refusals import refusal
from tasks.support.wording import count

HEAD_BYTES = 4096
"""The first bytes of a file, by which it is known."""


@dataclass(frozen=True)
class OtherFile:
    """A file of a platform's export that holds no reviews."""

    platform: str
    name: str
    holds: str
    header: tuple[str, ...]
    """Its first line, field by field."""
    reviews: str
    """The file of the same export that has the reviews."""
    second: str | None = None
    """What the second field of each row is, as a regular expression, where others may have such a header too."""
    path: str | None = None
    """The end of its path in an archive, where that tells too little."""

    def matches(self, header: tuple[str, ...], rows: Iterable[list[str]]) -> bool:
        """Return whether a file begins as this one does; the last of several `rows` may be cut."""
        if header != self.header or self.second is None:
            return header == self.header
        found = list(filter(None, rows))
        return bool(found) and all(
            re.fullmatch(self.second, "".join(row[1:2])) for row in found[:-1] or found
        )

    def may_be_at(self, path: str | None) -> bool:
        """Return whether a file may be this one by its path in an archive; None: it is in none."""
        return self.path is None or f"/{path}".endswith(f"/{self.path}")


_letterboxd = partial(OtherFile, "Letterboxd", reviews="reviews.csv")
_FILM = ("Date", "Name", "Year", "Letterboxd URI")
_PROFILE = (
    "Date Joined", "Username", "Given Name", "Family Name", "Email Address", "Location", "Website", "Bio", "Pronoun",
    "Favorite Films",
)  # fmt: skip
_COMMENTS = ("Date", "Content", "Comment")
_LINK = r"https://boxd\.it/\w+"

OTHER_FILES = (
    _letterboxd("films", "films that were seen, liked or are to be seen", _FILM),
    _letterboxd("ratings", "ratings without texts", (*_FILM, "Rating")),
    _letterboxd("diary", "a diary of films that were seen", (*_FILM, "Rating", "Rewatch", "Tags", "Watched Date")),
    _letterboxd("profile", "what the account says of its owner", _PROFILE),
    _letterboxd("list", "a list of films", ("Letterboxd list export v7",)),
    _letterboxd("likes", "links to what others wrote", ("Date", "Content"), second=_LINK),
    _letterboxd("comments", "comments on what others wrote", _COMMENTS, second=_LINK),
    _letterboxd("comments", "comments on what is gone", _COMMENTS, second="", path="orphaned/comments.csv"),
)  # fmt: skip


def pass_over_other_files(members: Iterator[Member], options: ReadOptions) -> Iterator[Member]:
    """Yield the members without those that are known to hold no reviews; `report_passed_over` is called for each.

    Raises `FileRefusedError`: no_reviews, for such a file that is no member; archive_empty, if there are no others.
    """
    passed, is_empty = Counter[str](), True
    for member in members:
        with naming_member(member.name):
            whole, found = _look_at(member, options) if member.format in SEPARATORS else (member, None)
        if found is None:
            is_empty = False
            yield whole
            continue
        if member.name is None:
            raise _refuse(found)
        name = f"{found.platform} {found.name}"
        passed[name] += 1
        options.report_passed_over(name)
    if passed and is_empty:
        raise refusal("archive_empty", describe_passed_over(passed))


def find_other_file(
    head: bytes, format_name: str, options: ReadOptions, path: str | None = None
) -> OtherFile | None:
    """Return what a delimited file that begins with `head` is known to hold; None if it may hold reviews.

    It may if it has the column that a profile or `--text-column` names as the text. `path` is its own in an archive.
    """
    known = [each for each in OTHER_FILES if each.may_be_at(path)]
    text = decode_start(head[:HEAD_BYTES], options)
    for separator in options.delimiter or SEPARATORS[format_name]:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        header = tuple(next(rows, ()))
        below = list(rows) if any(header == each.header for each in known) else []
        found = next((each for each in known if each.matches(header, below)), None)
        if found is not None:
            return None if _has_named_text([header, *below[:1]], options) else found
    return None


def describe_passed_over(passed: Mapping[str, int]) -> str:
    """Say in words which files of an archive were passed over, given how many there are of each name."""
    listed = (f"{name} ({times:,})" if times > 1 else name for name, times in passed.items())
    files = count(sum(passed.values()), "file")
    return f"{files} in it without reviews: {', '.join(listed)}" if passed else ""


def _look_at(member: Member, options: ReadOptions) -> tuple[Member, OtherFile | None]:
    """Return a member with all its bytes, and what it is known to hold if that is no reviews."""
    head = b""
    while len(head) < HEAD_BYTES and (more := next(member.chunks, b"")):
        head += more
    found = find_other_file(head, member.format, options, member.name)
    return replace(member, chunks=chain([head], member.chunks)), found


def _has_named_text(lines: Iterable[Iterable[str]], options: ReadOptions) -> bool:
    """Return whether the first lines name a text column that was stated: a list has its columns in the second line."""
    named = set(map(normalize_name, options.column_plan.text))
    return any(not named.isdisjoint(map(normalize_name, line)) for line in lines)


def _refuse(found: OtherFile) -> FileRefusedError:
    """Return the refusal of a file that came by itself."""
    what = f"it is a file of {found.platform} with {found.holds}"
    return refusal("no_reviews", f"{what}; the reviews of that export are in '{found.reviews}'")
