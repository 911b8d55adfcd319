"""What a finding is, and of which kinds there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tasks.support.wording import name_files

_NAMED, _JOINED = 3, 5
"""Files that a finding names, and findings of one key whose words are shown."""
ERROR, WARNING, NOTE = LEVELS = ("error", "warning", "note")
"""How much a finding weighs. The webhook is told of errors and warnings."""


@dataclass(frozen=True)
class Kind:
    """A kind of finding."""

    title: str
    """What stands before the subject on a page."""
    word: str
    """The first word of its line in the terminal."""
    lists: str = "reviews findings"
    """The command that lists all of its findings."""
    is_event: bool = False
    """Whether it has happened, so that it is told although it is over, and is another one with other words."""


_CONTRACTS, _DUPLICATES = "reviews sql contract-failures", "reviews sql duplicates"
KINDS = {
    "failed_run": Kind("A run failed", "failed", "reviews sql run-history", is_event=True),
    "killed_run": Kind("A run was killed", "killed", "reviews sql run-history", is_event=True),
    "undelivered": Kind("Gets no scores", "undelivered", "reviews destinations status"),
    "shadow_trouble": Kind("The shadow can't score", "shadow", "reviews models shadow status"),
    "training_due": Kind("A training is due", "training", "reviews sql champion-promise"),
    "refused_file": Kind("Refused", "refused", "reviews sql rejected-files", is_event=True),
    "unread_file": Kind("Not read", "skipped", "reviews score --dry-run"),
    "drift": Kind("Drifted", "drift", "reviews sql drift"),
    "late_source": Kind("Late", "delivery", "reviews sql sources"),
    "unusual_delivery": Kind("Unusually few or many rows", "delivery", "reviews sql sources"),
    "quarantined_rows": Kind("Rows in quarantine", "quarantined", "reviews quarantine list"),
    "not_english": Kind("Not in English", "language", _CONTRACTS),
    "lost_values": Kind("Values that were lost", "unclear"),
    "nothing_scored": Kind("No row scored", "unclear", _CONTRACTS),
    "unused_columns": Kind("Columns that are not used", "unclear", _CONTRACTS),
    "unclear_values": Kind("Values that are not clear", "unclear", _CONTRACTS),
    "turned_labels": Kind("Labels turned round", "unclear"),
    "shared_ids": Kind("Review ids of several texts", "unclear", _DUPLICATES),
    "colliding_ids": Kind("Review ids of another source too", "unclear"),
    "reused_ids": Kind("Review ids of earlier files too", "unclear", _DUPLICATES),
    "equal_texts": Kind("Equal texts", "unclear", _DUPLICATES),
    "flooded_movie": Kind("Near-copies move a rating", "unclear"),
    "week": Kind("A week is over", "week", "reviews report --week", is_event=True),
}
"""All kinds: what weighs most first."""
OF_FILES = tuple(name for name, kind in KINDS.items() if kind.word in ("drift", "language", "unclear"))
"""The kinds that only new files show, so that a run looks for them in the sources that sent some."""


@dataclass(frozen=True)
class Finding:
    """Something that somebody should know, or do something about. `kind` and `subject` say which one it is."""

    kind: str
    subject: str
    what: str
    """What is so, as a sentence with figures."""
    next: str
    """The command that goes on with it, or a sentence that has it."""
    level: str = WARNING
    source: str | None = None
    """The source whose files show it, if it is of one: it holds until that source sends files that do not."""
    is_over: bool = False
    """Whether it has happened and asks for nothing more, such as a week."""
    is_told: bool = False
    """Whether somebody else tells of it: Prefect's server does of how a run of a deployment ended."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding in a later run."""
        return self.kind, self.subject


def find_in_files(kind: str, source: str, uris: Sequence[str], what: str, step: str) -> Finding:
    """Return a note on files of a source. Its subject is the source, or the first file if it is of none."""
    subject = source if source != "default" else uris[0]
    return Finding(kind, subject, f"{name_files(uris, _NAMED)}: {what}", step, NOTE, source)


def merge(found: Iterable[Finding]) -> list[Finding]:
    """Return findings of which no two have one key: the words of those that do are joined."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for each in found:
        alike.setdefault(each.key, []).append(each)
    merged = []
    for first, *others in alike.values():
        more = f"; and {len(others) + 1 - _JOINED:,} more" if len(others) >= _JOINED else ""
        words = "; ".join(each.what.removesuffix(".") for each in (first, *others)[:_JOINED])
        merged.append(replace(first, what=f"{words}{more}") if others else first)
    return merged
