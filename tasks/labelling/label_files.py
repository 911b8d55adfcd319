"""Reads a file of labels: answers of `reviews models label`, or a filled-in sheet, in any format of review files."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import name_rated_sentiment
from tasks.inbox.source_files import FoundFile, SourceFile
from tasks.labelling.choosing import RANDOM
from tasks.support.wording import count

ROWS_NAMED = 10
"""Rows that a message names, of those that can't be read."""
_SHEET = {
    "origin": "a sheet of labels",
    # Digests and labels are ASCII, so it does not matter in which encoding a spreadsheet saved the texts.
    "file": {"encoding": "latin-1"},
    "columns": {"text": "label_of", "given_label": "label", "given_rating": "stars"},
    "labels": {"positive": ["p", "pos", "positive"], "negative": ["n", "neg", "negative"]},
    "rating": {"lowest": 1, "highest": 10},
}
"""The profile of a sheet: its text is the digest of the review."""
MOST_BYTES = 64 << 20
"""Bytes of a file of labels, unpacked. Larger ones are refused, since all labels of a file are held in memory."""
_COLUMNS = ("row_number", "text", "given_label", "given_rating", "extra")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class GivenLabel:
    """What a row of a file says of a text. Without a label and stars it was skipped."""

    text_sha256: str
    label: str | None
    stars: float | None
    is_random: bool
    labelled_at: datetime

    @property
    def is_skipped(self) -> bool:
        """Return whether it gives neither a label nor stars."""
        return self.label is None and self.stars is None


@dataclass(frozen=True)
class LabelFile:
    """A file of labels that was read."""

    found: FoundFile | SourceFile
    labels: tuple[GivenLabel, ...] = ()
    trouble: str | None = field(default=None)


def read_labels(found: FoundFile | SourceFile) -> LabelFile:
    """Read the labels of a file; of its rows no more is held than these."""
    changed_at = min(datetime.fromtimestamp(found.mtime_ns / 1e9, UTC), datetime.now(UTC))
    labels, unread, opposed = dict[str, GivenLabel](), list[int](), set[str]()
    try:
        for row in _read_rows(found):
            if doubled := _find_doubled(row):
                return LabelFile(found, trouble=_describe_doubled(doubled))
            given = list(_read_row(row, changed_at))
            others = {each.text_sha256 for each in given if _opposes(row, each, labels)}
            opposed |= others
            labels.update((label.text_sha256, label) for label in given)
            unread += [] if _is_understood(row) and not others else [row["row_number"]]
    except FileRefusedError as error:
        return LabelFile(found, trouble=_describe_refusal(error))
    except OSError as error:
        return LabelFile(found, trouble=f"can't be read: {error.strerror}")
    known = tuple(label for label in labels.values() if label.text_sha256 not in opposed)
    return LabelFile(found, known, _describe_unread(unread) if unread else None)


def _opposes(row: Mapping[str, Any], label: GivenLabel, labels: Mapping[str, GivenLabel]) -> bool:
    """Return whether a row of a sheet says the opposite of a row before; a session may correct its answers."""
    before = labels.get(label.text_sha256)
    if before is None or "labelled_at" in json.loads(row["extra"] or "{}"):
        return False
    return are_opposite((before.label, before.stars), (label.label, label.stars))


def are_opposite(one: tuple[str | None, float | None], other: tuple[str | None, float | None]) -> bool:
    """Return whether of two pairs of a label and stars one says positive and the other negative."""
    said = {label or name_rated_sentiment(stars) for label, stars in (one, other)}
    return said == {"positive", "negative"}


def _describe_unread(unread: Sequence[int]) -> str:
    """Return which rows of a file can't be read, and what to do."""
    return (
        f"{count(len(unread), 'row')} of it can't be read as labels ({_list_numbers(unread)}). "
        "Next: leave `label_of` as it was, give `label` as positive or negative and `stars` as 1 to 10, of which 7 and "
        "more are positive and 4 and fewer negative, and on each text one answer: a row that contradicts one before it "
        "takes that one's label away too"
    )


def may_hold(found: FoundFile | SourceFile, texts: Collection[str]) -> bool:
    """Return whether a file of labels has a row of one of the texts, or a row of which nobody knows the text."""
    try:
        digests = {row["text"] or "" for row in _read_rows(found)}
    except (FileRefusedError, OSError):
        return True
    return not digests.isdisjoint(texts) or not all(map(_DIGEST.fullmatch, digests))


def _read_rows(found: FoundFile | SourceFile) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of labels, in any format of review files: its text column is that of the digests.

    Of each it has the columns that matter here.
    """
    from data_contracts.sources.known_profiles import KnownProfile
    from tasks.reading.reader import read_review_file
    from tasks.reading.rows import ReadOptions
    from tasks.reading.streams import ContainerLimits

    profile = KnownProfile.model_validate(_SHEET)
    limits = ContainerLimits(MOST_BYTES, MOST_BYTES, MOST_BYTES)
    options = ReadOptions(profile=profile, root=found.root, limits=limits)
    for batch in read_review_file(found.path, options):
        yield from batch.select(_COLUMNS).to_pylist()


def _list_numbers(rows: Sequence[int]) -> str:
    """Name the first rows of some."""
    named = ", ".join(f"{row:,}" for row in rows[:ROWS_NAMED])
    return f"{'row' if len(rows) == 1 else 'rows'} {named}{', …' if len(rows) > ROWS_NAMED else ''}"


def _describe_refusal(error: FileRefusedError) -> str:
    """Return why a file can't be read, and what to do."""
    why = str(error) if error.rule == "bomb_suspected" else error.rule  # other details may quote the file
    return (
        f"can't be read as labels ({why}). Next: fill in a sheet of `reviews models label --csv FILE`, and keep its "
        "columns; reviews belong in another folder of the inbox"
    )


def _find_doubled(row: Mapping[str, Any]) -> str | None:
    """Return the name of a column of answers in place of which another one was read; None if there is none.

    What was not read is in `extra` under the column's own name.
    """
    return next(
        (name for name in json.loads(row["extra"] or "{}") if name.casefold() in ("label", "stars")), None
    )


def _describe_doubled(name: str) -> str:
    """Return why a file in which two columns may have the answers can't be read, and what to do."""
    return (
        f"can't be read as labels (header_broken): `{name}` is the name of several of its columns, or another one "
        "means the same. Next: keep one of them, with all that you gave"
    )


def _read_row(row: Mapping[str, Any], changed_at: datetime) -> Iterator[GivenLabel]:
    """Yield the label of a row, if it has one or says that the text was skipped."""
    extra = json.loads(row["extra"] or "{}")
    label, stars = row["given_label"], row["given_rating"]
    if not _DIGEST.fullmatch(row["text"] or "") or (label is stars is None and not extra.get("skipped")):
        return
    if _is_contradictory(row):
        return
    labelled_at = min(changed_at, _parse_time(extra.get("labelled_at")) or changed_at)
    yield GivenLabel(row["text"], label, stars, extra.get("drawn") == RANDOM, labelled_at)


def _parse_time(text: Any) -> datetime | None:
    """Return the time that a session wrote; None if it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _is_understood(row: Mapping[str, Any]) -> bool:
    """Return whether all of a row can be read; what can't is in `extra` under our name of the column."""
    extra = json.loads(row["extra"] or "{}")
    is_whole = (
        bool(_DIGEST.fullmatch(row["text"] or "")) and not {"given_label", "given_rating"} & extra.keys()
    )
    return is_whole and not _is_contradictory(row)


def _is_contradictory(row: Mapping[str, Any]) -> bool:
    """Return whether the stars of a row say the opposite of its label: one of the two is a slip."""
    implied = name_rated_sentiment(row["given_rating"])
    return None not in (implied, row["given_label"]) and implied != row["given_label"]
