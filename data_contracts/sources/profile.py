"""The profile: all that says how the files of one feed are read. Nothing else decides anything about their content.

It is a TOML file: that of a source lies in its home, those of known platforms in `known/`. `parse_profile` refuses
unknown keys, values that can't be, and contradictions, with the line.
"""

import json
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import SMALLEST_SHARE
from data_contracts.text_encodings import find_encoding


def is_delimiter(text: str) -> bool:
    """Return whether a text can be the delimiter of a file: one character that is in no name and no number."""
    return len(text) == 1 and text.isascii() and not text.isalnum() and text not in '"\r\n\0\\'


DATE_STYLES = ("clear", "iso", "epoch", "day-first", "month-first")
"""Names of date formats; any other format is a pattern of strptime, such as `%d-%b-%y`."""
MEANINGS = {"rating": "given_rating", "labels": "given_label"}
"""The tables that say what the values of a column mean."""
_SEVERITY_COLUMNS = {"dates": "reviewed_at", "labels": "given_label", "ratings": "given_rating"}
"""The column that a key of [severity] is about."""
_SUBJECT = re.compile(r"^\w+ should")
"""How pydantic begins a message; here it follows the name of the key."""
_WANTED = {
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "dict_type": "should be a table, such as { good = 4 }",
    "model_type": "should be a table: a line with its name in brackets, and its keys below",
    "string_type": "should be a text in quotes",
    "too_short": "should have one entry at least",
    "tuple_type": 'should be a list, such as ["a", "b"]',
}
"""What a key should be, in the words of TOML, by the type of pydantic's error."""
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class _Strict(BaseModel):
    """A table of the file: no other keys, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Columns(_Strict):
    """The names of the source's columns, as in the header."""

    text: Names = Field(description="The columns of the text, joined in this order, such as title and body.")
    review_id: str | None = Field(default=None, description="The column that identifies a review.")
    movie_id: str | None = Field(default=None, description="The column that identifies the movie.")
    reviewed_at: str | None = Field(
        default=None, description="The column with the date or time of the review."
    )
    given_label: str | None = Field(default=None, description="The column that says positive or negative.")
    given_rating: str | None = Field(default=None, description="The column with the writer's rating.")
    author: str | None = Field(
        default=None, description="The column with the writer's name; kept in `extra`."
    )

    @field_validator("text", mode="before")
    @classmethod
    def _accept_one_name(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _require_distinct(self) -> Self:
        names = [*self.text, *self.list_fields().values()]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise ValueError(f"has {doubled!r} twice")
        return self

    def list_fields(self) -> dict[str, str]:
        """Return the columns that are named, without those of the text: ours -> name."""
        return {field: name for field in FIELDS if (name := getattr(self, field)) is not None}


FIELDS = tuple(field for field in Columns.model_fields if field != "text")
"""Our columns, without those of the text."""


class Dates(_Strict):
    """How dates are written."""

    format: str = Field(
        default="clear",
        description="clear, iso, epoch, day-first, month-first, or a pattern such as '%d-%b-%y'.",
    )
    time_zone: str = Field(
        default="UTC", description="The time zone of dates without one, such as 'Europe/Berlin'."
    )

    @field_validator("format")
    @classmethod
    def _require_format(cls, value: str) -> str:
        if value not in DATE_STYLES and not _is_pattern(value):
            raise ValueError(
                f"must be one of {', '.join(DATE_STYLES)}, or a pattern of strptime such as '%d.%m.%Y'"
            )
        return value

    @field_validator("time_zone")
    @classmethod
    def _require_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is no time zone that this machine knows, such as 'Europe/Berlin'") from error
        return value


class Rating(_Strict):
    """The scale of ratings; they are stored as stars from 1 to 10."""

    lowest: float = Field(description="The worst rating of the scale.")
    highest: float = Field(description="The best rating of the scale.")
    decimal_comma: bool = Field(default=False, description="Whether 4,5 means four and a half.")
    words: dict[str, float] | None = Field(
        default=None, description="Words that mean a rating of the scale, such as good = 4."
    )

    @model_validator(mode="after")
    def _require_order(self) -> Self:
        if not self.lowest < self.highest:
            raise ValueError("lowest must be less than highest")
        for word, value in (self.words or {}).items():
            if not self.lowest <= value <= self.highest:
                raise ValueError(f"the word {word!r} means {value:g}, which is not on the scale")
        return self


OWN_SCALES = {
    4: Rating(lowest=0.5, highest=4),
    5: Rating(lowest=0.5, highest=5),
    10: Rating(lowest=1, highest=10),
    20: Rating(lowest=0, highest=20),
    100: Rating(lowest=0, highest=100),
}
"""The scales that a rating, or the name of its column, may state, such as `4/5`, by their highest rating."""


class Labels(_Strict):
    """The values of the label column."""

    positive: Names = Field(description="Values that mean positive.")
    negative: Names = Field(description="Values that mean negative.")
    none: tuple[str, ...] = Field(default=(), description="Values that mean no label, such as neutral.")

    @field_validator("positive", "negative", "none", mode="before")
    @classmethod
    def _accept_numbers(cls, value: Any) -> Any:
        values = value if isinstance(value, (list, tuple)) else [value]
        return tuple(str(each) if isinstance(each, int) else each for each in values)

    @model_validator(mode="after")
    def _require_distinct(self) -> Self:
        values = [each.strip().casefold() for each in (*self.positive, *self.negative, *self.none)]
        doubled = sorted({each for each in values if values.count(each) > 1})
        if doubled:
            raise ValueError(f"{doubled[0]!r} has two meanings")
        return self


class Rows(_Strict):
    """Which rows are reviews, and what counts as one."""

    no_text: tuple[str, ...] = Field(
        default=(), description="Texts that stand for none, such as 'No Positive'; case does not matter."
    )
    only: dict[str, Names] = Field(
        default={},
        description="A column and its values in rows that are reviews; other rows are quarantined.",
    )
    never: dict[str, Names] = Field(
        default={}, description="A column and its values in rows that are none, such as status = ['spam']."
    )
    equal_texts: Literal["one", "each"] = Field(
        default="one",
        description="Rows of a file without a review_id and with one text: one review, or each a review of its own.",
    )


class FileLayout(_Strict):
    """How the bytes of a file are read, where its name does not say it."""

    format: Literal["csv", "tsv", "jsonl", "json"] | None = Field(
        default=None, description="The format of files that are called .txt; each is one review if not given."
    )
    encoding: str | None = Field(
        default=None, description="Such as 'cp1252', for files without a byte order mark."
    )
    delimiter: str | None = Field(default=None, description="The character between columns.")
    sheet: str | None = Field(
        default=None, description="The sheet of a workbook; the only one that has rows if not given."
    )
    json_path: str | None = Field(
        default=None, description="Where the rows are in a JSON file, such as 'data.reviews'."
    )
    members: str | None = Field(
        default=None,
        description="A pattern of the paths of those members of an archive that have reviews: '*/reviews.csv'.",
    )
    header: int = Field(
        default=1,
        ge=0,
        le=50,
        description="The number of the line, or row, with the names of the columns; 0: none has them.",
    )

    @field_validator("encoding")
    @classmethod
    def _require_encoding(cls, value: str | None) -> str | None:
        if value is not None and find_encoding(value) is None:
            raise ValueError("is no known encoding of text, such as 'cp1252'")
        return value

    @field_validator("json_path")
    @classmethod
    def _require_one_star(cls, value: str | None) -> str | None:
        if value is not None and value.split(".").count("*") > 1:
            raise ValueError("has more than one *, whose key would be the column `*`")
        return value

    @field_validator("delimiter")
    @classmethod
    def _require_delimiter(cls, value: str | None) -> str | None:
        if value is not None and not is_delimiter(value):
            raise ValueError("must be one ASCII character, no letter, digit or quote")
        return value


class Limits(_Strict):
    """Limits beyond which a file of the source is refused."""

    largest_bad_share: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The largest share of bad rows; 0.2 without it.",
    )
    fewest_rows: int = Field(default=0, ge=0, description="The fewest rows of a file, bad ones included.")
    smallest_share_of_last: float = Field(
        default=SMALLEST_SHARE,
        ge=0,
        le=1,
        description="With each_file = 'replaces': the smallest share of the reviews of the file before.",
    )


ValueSeverity = Literal["warn", "accept", "quarantine", "refuse"]
SourceSeverity = Literal["warn", "accept"]


class Severity(_Strict):
    """What each check does with what it finds: nothing (accept), a warning, a row set aside, or a file refused."""

    dates: ValueSeverity = Field(default="warn", description="Dates that can't be read.")
    labels: ValueSeverity = Field(default="warn", description="Labels that can't be read.")
    ratings: ValueSeverity = Field(default="warn", description="Ratings that can't be read.")
    shared_ids: SourceSeverity = Field(
        default="warn", description="Review ids that another source has for other texts."
    )
    deliveries: SourceSeverity = Field(
        default="warn", description="Files that are late, or days with few or many rows."
    )
    drift: SourceSeverity = Field(
        default="warn", description="Rows that differ from those that the source sent before."
    )


class Profile(_Strict):
    """How the files of one source are read."""

    columns: Columns
    movie: str | None = Field(
        default=None, min_length=1, description="The movie_id of every row, instead of a column."
    )
    each_file: Literal["adds", "replaces"] = Field(
        default="adds", description="What a file does: adds, or replaces all files of the source before it."
    )
    ids_hold_across_files: bool = Field(
        default=True,
        description="false: ids count anew in each file, so that its text names a review; they stay in `extra`.",
    )
    other_languages: Literal["warn", "accept", "quarantine"] = Field(
        default="warn",
        description="Rows that are not in English: warn (they count in no rating), accept (they count) or quarantine.",
    )
    dates: Dates = Dates.model_construct()
    rating: Rating | None = Field(
        default=None,
        description="The scale; without it only ratings are read that state it, as 4/5 or `rating (1-10)` does.",
    )
    labels: Labels | None = Field(
        default=None,
        description="What labels mean; without it only words that state it, such as `positive` or `fresh`, are read.",
    )
    rows: Rows = Rows.model_construct()
    file: FileLayout = FileLayout.model_construct()
    limits: Limits = Limits.model_construct()
    severity: Severity = Severity.model_construct()

    @model_validator(mode="after")
    def _require_consistency(self) -> Self:
        if self.movie is not None and self.columns.movie_id is not None:
            raise ValueError("movie contradicts columns.movie_id: give one of them")
        for name, column in MEANINGS.items():
            if getattr(self, name) is not None and getattr(self.columns, column) is None:
                raise ValueError(f"{name} is of no use without columns.{column}")
        for key, column in _SEVERITY_COLUMNS.items():
            if key in self.severity.model_fields_set and getattr(self.columns, column) is None:
                raise ValueError(f"severity.{key} is of no use without columns.{column}")
        if "shared_ids" in self.severity.model_fields_set and not (
            self.columns.review_id and self.ids_hold_across_files
        ):
            raise ValueError(
                "severity.shared_ids is of no use without columns.review_id whose ids hold across files"
            )
        if self.each_file == "adds" and "smallest_share_of_last" in self.limits.model_fields_set:
            raise ValueError("limits.smallest_share_of_last is of no use without each_file = 'replaces'")
        return self


def parse_profile(path: Path) -> Profile:
    """Read the profile in a TOML file; raise `UsageError` with line, reason and next step if wrong."""
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read ({error}). Next: correct the file.") from error
    try:
        return Profile.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is no valid TOML ({error}). Next: correct that line.") from error
    except ValidationError as error:
        # A misspelt key is more often the reason for a missing one than the other way round.
        first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise UsageError(
            f"{path}: {_describe_error(first, content)} Next: correct it, then `reviews sources show "
            f"{shlex.quote(path.stem)}`."
        ) from None


def _is_pattern(text: str) -> bool:
    """Return whether a text is a pattern that `strptime` can use, with a field at least."""
    try:
        datetime.strptime(datetime.now(UTC).strftime(text), text)
    except ValueError:
        return False
    return "%" in text


def _describe_error(error: Mapping[str, Any], content: str) -> str:
    """Describe a pydantic error by the key, its line in the file and the reason."""
    keys = [str(each) for each in error["loc"] if not isinstance(each, int)]
    reason = _WANTED.get(error["type"]) or _SUBJECT.sub(
        "should", str(error["msg"]).removeprefix("Value error, ")
    )
    if not keys:  # a contradiction, whose description begins with one of its keys
        where, _, reason = reason.partition(" ")
        keys = where.split(".")
    if error["type"] == "extra_forbidden":
        reason = "is not a key of a profile"
    if error["type"] == "missing":
        reason = "is missing"
    where = ".".join(keys)
    line = find_line(content, keys)
    return f"line {line}: {where} {reason}." if line else f"{where} {reason}."


def find_line(content: str, keys: Sequence[str]) -> int | None:
    """Return the line, from 1, on which a key (its table first) or, without it, its table stands; None if neither."""
    table, found = "", None
    for number, line in enumerate(content.splitlines(), start=1):
        words = line.strip()
        if words.startswith("["):
            table = words.strip("[] ")
            found = number if keys[:-1] == table.split(".") else found
        name = words.partition("=")[0].strip().strip("\"'")
        if "=" in words and [*filter(None, table.split(".")), *name.split(".")] == list(keys):
            return number
        if words.strip("[] ") == ".".join(keys) and words.startswith("["):
            return number
    return found


def name_version(profile: Profile) -> str:
    """Return the version of a profile: 12 digits of the sha256 of what it says, whatever its spelling.

    If it says which part of a file has the rows, a dash and 4 digits of that follow: versions that differ in them
    number the rows of a file otherwise (`ROWS_CHOSEN` in `tasks/warehouse/row_names.py`).
    """
    version = _digest(profile.model_dump(mode="json", exclude_defaults=True))[:12]
    chosen = profile.file.model_dump(mode="json", exclude_defaults=True, exclude={"encoding", "delimiter"})
    return f"{version}-{_digest(chosen)[:4]}" if chosen else version


def _digest(said: Mapping[str, Any]) -> str:
    """Return the sha256 of what a profile, or a table of it, says."""
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def make_schema() -> dict[str, Any]:
    """Return the JSON schema of profiles, by which editors check and complete them."""
    return Profile.model_json_schema()
