"""Reads a file of labels: answers of `reviews models label`, or a filled-in sheet, in any format of review files."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import name_rated_sentiment
from tasks.inbox.source_files import FoundFile
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

    @property
    def sentiment(self) -> str | None:
        """Return the label, or what the stars imply."""
        return self.label or name_rated_sentiment(self.stars)


@dataclass(frozen=True)
class LabelFile:
    """A file of labels that was read."""

    found: FoundFile
    labels: tuple[GivenLabel, ...] = ()
    trouble: str | None = None


def read_labels(found: FoundFile) -> LabelFile:
    """Read the labels of a file; of its rows no more is held than these."""
    changed_at = min(datetime.fromtimestamp(found.mtime_ns / 1e9, UTC), datetime.now(UTC))
    labels, unread, opposed = dict[str, GivenLabel](), list[int](), set[str]()
    try:
        for row in _read_rows(found):
            # What was not read is in `extra` under the column's own name, or under ours if its value says nothing.
            extra = row["extra"]
            if doubled := next((name for name in extra if name.casefold() in ("label", "stars")), None):
                return LabelFile(
                    found,
                    trouble=f"can't be read as labels (header_broken): `{doubled}` is the name of several of its "
                    "columns, or another one means the same. Next: keep one of them, with all that you gave",
                )
            label = _make_label(row, changed_at)
            is_usable = bool(_DIGEST.fullmatch(label.text_sha256)) and not _are_opposite(
                label.label, name_rated_sentiment(label.stars)
            )
            before = labels.get(label.text_sha256)
            # A session may correct its answers; of a sheet both rows may be the slip.
            opposes = (
                is_usable
                and before is not None
                and "labelled_at" not in extra
                and _are_opposite(before.sentiment, label.sentiment)
            )
            if is_usable and (not label.is_skipped or extra.get("skipped")):
                labels[label.text_sha256] = label
            opposed |= {label.text_sha256} if opposes else set()
            if opposes or not is_usable or {"given_label", "given_rating"} & extra.keys():
                unread.append(row["row_number"])
    except FileRefusedError as error:
        why = str(error) if error.rule == "bomb_suspected" else error.rule  # other details may quote the file
        return LabelFile(
            found,
            trouble=f"can't be read as labels ({why}). Next: fill in a sheet of `reviews models label --csv FILE`, "
            "and keep its columns; reviews belong in another folder of the inbox",
        )
    except OSError as error:
        return LabelFile(found, trouble=f"can't be read: {error.strerror}")
    known = tuple(label for label in labels.values() if label.text_sha256 not in opposed)
    return LabelFile(found, known, _describe_unread(unread) if unread else None)


def _make_label(row: Mapping[str, Any], changed_at: datetime) -> GivenLabel:
    """Return what a row says, given when a session wrote that it was, else when the file was changed."""
    labelled_at = changed_at
    with suppress(ValueError):
        written = datetime.fromisoformat(str(row["extra"].get("labelled_at")))
        labelled_at = min(changed_at, written) if written.tzinfo else changed_at
    is_random = row["extra"].get("drawn") == RANDOM
    return GivenLabel(row["text"] or "", row["given_label"], row["given_rating"], is_random, labelled_at)


def _are_opposite(one: str | None, other: str | None) -> bool:
    """Return whether of two sentiments one is positive and the other negative."""
    return {one, other} == {"positive", "negative"}


def _describe_unread(unread: Sequence[int]) -> str:
    """Return which rows of a file can't be read, and what to do."""
    named = ", ".join(f"{row:,}" for row in unread[:ROWS_NAMED]) + (", …" if len(unread) > ROWS_NAMED else "")
    return (
        f"{count(len(unread), 'row')} of it can't be read as labels ({'row' if len(unread) == 1 else 'rows'} {named}). "
        "Next: leave `label_of` as it was, give `label` as positive or negative and `stars` as 1 to 10, of which 7 and "
        "more are positive and 4 and fewer negative, and on each text one answer: a row that contradicts one before it "
        "takes that one's label away too"
    )


def may_hold(found: FoundFile, texts: Collection[str]) -> bool:
    """Return whether a file of labels has a row of one of the texts, or a row of which nobody knows the text."""
    try:
        digests = {row["text"] or "" for row in _read_rows(found)}
    except (FileRefusedError, OSError):
        return True
    return not digests.isdisjoint(texts) or not all(map(_DIGEST.fullmatch, digests))


def _read_rows(found: FoundFile) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of labels, in any format of review files: its text column is that of the digests.

    Of each it has the columns that matter here, `extra` as a dictionary.
    """
    from data_contracts.sources.known_profiles import KnownProfile
    from tasks.reading.reader import read_review_file
    from tasks.reading.rows import ReadOptions
    from tasks.reading.streams import ContainerLimits

    profile = KnownProfile.model_validate(_SHEET)
    limits = ContainerLimits(MOST_BYTES, MOST_BYTES, MOST_BYTES)
    options = ReadOptions(profile=profile, root=found.root, limits=limits)
    for batch in read_review_file(found.path, options):
        for row in batch.select(_COLUMNS).to_pylist():
            yield {**row, "extra": json.loads(row["extra"] or "{}")}
