"""Generates files for the inbox, with the expected outcome of each row, computed without the program's code."""

import csv
import io
import json
from dataclasses import dataclass
from hashlib import sha256

from tests.explore.models import MODELS, RARE_WORD

MAX_CHARACTERS, RAISED_CHARACTERS = 100, 1000
"""REVIEWS_MAX_TEXT_CHARS as it is, and as someone raises it."""
MIN_BAD_ROWS, MAX_BAD_SHARE = 2, 0.5
"""Limits of small files."""
MOVIES = ("tt1", "tt2", "tt3")

TEXTS = {
    "good": "good film, the plot {mark}",
    "bad": "a bad film {mark}",
    "twin": "a good plot",
    "rare": RARE_WORD + " {mark}",
    "blank": "   ",
    "no words": "!!!",
    "long": "good film {mark} " + "the plot " * 20,
    "latin": "good caf\xe9 {mark}",
}
"""By kind; `mark` is found in no other row, so that its bytes can be looked for."""
CONTENT_DIGITS = 64
_PROFILE = """{each_file}
[columns]
text = "text"
review_id = "review_id"
movie_id = "movie_id"

[dates]
format = "{dates}"
{limits}"""
DATES = ("clear", "iso", "epoch")
"""Each makes another version of the profile, by which the files, without dates, are read alike."""
SHARES = (None, 0.0, 0.5)
"""The least share of the last file's reviews with which a file replaces all before it; None: it adds to them."""
_RULES = {"blank": "text_blank", "no words": "text_no_words"}


def format_profile(dates: str, share: float | None) -> str:
    """Return a profile as TOML."""
    if share is None:
        return _PROFILE.format(each_file="", dates=dates, limits="")
    limits = f"[limits]\nsmallest_share_of_last = {share}\n"
    return _PROFILE.format(each_file='each_file = "replaces"', dates=dates, limits=limits)


@dataclass(frozen=True)
class Row:
    """A row of a file."""

    number: int
    kind: str
    mark: str
    review_id: str
    movie_id: str

    @property
    def text(self) -> str:
        return TEXTS[self.kind].format(mark=self.mark)

    @property
    def bytes_(self) -> bytes:
        return self.text.encode("latin-1")

    def find_rule(self, max_characters: int, encoding: str = "utf-8") -> str | None:
        """Return the row rule that the row breaks, independent of the model."""
        if self.kind == "latin" and encoding == "utf-8":
            return "text_encoding"
        if len(self.text) > max_characters:
            return "text_too_long"
        return _RULES.get(self.kind)

    def is_known_to(self, model: str) -> bool:
        """Return whether a model knows a word of the text."""
        return self.kind != "rare" or RARE_WORD in MODELS[model]


@dataclass(frozen=True)
class Content:
    """The content of a file; the program treats two files with the same content as one."""

    kind: str
    """'table', 'lines', 'no text column' or 'empty'."""
    rows: tuple[Row, ...] = ()
    label: str = ""
    """Makes contents without rows differ."""

    @property
    def bytes_(self) -> bytes:
        if self.kind == "empty":
            return b""
        if self.kind == "no text column":
            return f"a,b\n1,{self.label}\n".encode()
        if self.kind == "lines":
            return "".join(
                json.dumps({"review_id": row.review_id, "movie_id": row.movie_id, "text": row.text}) + "\n"
                for row in self.rows
            ).encode()
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["review_id", "movie_id", "text", f"note {self.label}"])
        writer.writerows([row.review_id, row.movie_id, row.text, ""] for row in self.rows)
        return stream.getvalue().encode("latin-1")

    @property
    def sha(self) -> str:
        return sha256(self.bytes_).hexdigest()

    def begins_with(self, other: "Content") -> bool:
        """Return whether the bytes of another content are the first ones of this one, which has more."""
        return self.bytes_ != other.bytes_ and self.bytes_.startswith(other.bytes_)

    def find_rule(self, max_characters: int, uri: str) -> str | None:
        """Return the rule that refuses the whole file under this name."""
        if self.kind == "lines" and uri.endswith(".csv"):
            return "text_column_missing"
        whole = {"empty": "file_empty", "no text column": "text_column_missing"}
        bad = sum(row.find_rule(max_characters) is not None for row in self.rows)
        if bad > MIN_BAD_ROWS and bad > MAX_BAD_SHARE * len(self.rows):
            return "too_many_bad_rows"
        return whole.get(self.kind)

    def waits(self, version: str | None, uri: str) -> bool:
        """Return whether a profile's column is missing, so that the file waits."""
        has_no_column = self.kind == ("no text column" if uri.endswith(".csv") else "")
        is_misnamed = self.kind == "lines" and uri.endswith(".csv")
        return version is not None and (has_no_column or is_misnamed)


class Contents(dict[str, Content]):
    """All that was ever put into the inbox, by sha256, or by the name of a reading, which begins with it."""

    def __missing__(self, name: str) -> Content:
        if len(name) <= CONTENT_DIGITS:
            raise KeyError(name)
        return self[name[:CONTENT_DIGITS]]


def name_reading(content: str, version: str | None) -> str:
    """Return the name of a later reading of a content."""
    return f"{content}.{version or 'none'}"


def find_content(reading: str) -> str:
    """Return the sha256 of the content of a reading."""
    return reading[:CONTENT_DIGITS]
