"""What a scoring run did, group of files by group of files: the counts of its commits, and the error of what failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_contracts.errors import ReviewsError
from tasks.inbox.source_files import SkippedFile
from tasks.support.wording import escape_controls
from tasks.warehouse.commit import CommitSummary, CommittedFile

FAILED_NEXT_STEP = "Next: mend what the message names; the next run tries these files again."
COUNTS = (
    "files_scored",
    "rows_scored",
    "rows_quarantined",
    "files_rescored",
    "rows_rescored",
    "files_refused",
)
"""The counts of a commit, by the names that the run log, events and assets carry them under."""
FILES, ROWS = ("files_scored", "files_rescored"), ("rows_scored", "rows_rescored")
"""What makes up all files and rows to which a run gave scores."""
FILES_NAMED = 20
"""Files of a failed group that a message names at most."""


@dataclass(frozen=True)
class GroupResult:
    """What became of one group of files: committed, or nothing of it, since it failed or its part was dropped."""

    uris: tuple[str, ...]
    committed: CommitSummary | None
    postponed: tuple[SkippedFile, ...] = ()
    """Files that could not be read or changed meanwhile: the next run tries them again."""
    error: Exception | None = None


@dataclass(frozen=True)
class RunOutcome:
    """What a run has done with its groups of files so far."""

    groups: tuple[GroupResult, ...] = ()

    def has_committed(self) -> bool:
        """Whether the ledger holds files that it did not hold before."""
        return bool(self.files())

    def list_commits(self) -> list[CommitSummary]:
        """Give the commits in their order."""
        return [group.committed for group in self.groups if group.committed is not None]

    def list_postponed(self) -> list[SkippedFile]:
        """Give the files that the next run tries again."""
        return [file for group in self.groups for file in group.postponed]

    def list_failed(self) -> list[str]:
        """Name the files of the groups that failed."""
        return [uri for group in self.groups if group.error is not None for uri in group.uris]

    def of_model(self, model_id: str) -> "RunOutcome":
        """Return the outcome of the groups that this model scored; a group is of one model."""
        groups = [
            group
            for group in self.groups
            if group.committed and group.committed.files[:1] and group.committed.files[0].model_id == model_id
        ]
        return RunOutcome(tuple(groups))

    def total(self, *names: str) -> int:
        """Add up counts of all commits."""
        return sum(getattr(each, name) for each in self.list_commits() for name in names)

    def count(self) -> dict[str, int]:
        """Give each of `COUNTS` of the whole run."""
        return {name: self.total(name) for name in COUNTS}

    def files(self, status: str | None = None) -> list[CommittedFile]:
        """Give the files that the ledger holds since this run, of one status if it is given."""
        return [file for each in self.list_commits() for file in each.files if status in (None, file.status)]


def require_no_failure(outcome: RunOutcome) -> None:
    """Raise what made groups fail, if any did, with the names of their files and what was committed.

    A single error keeps its class, and so the exit status; several become one `ReviewsError`.
    """
    failed = [(group.uris, group.error) for group in outcome.groups if group.error is not None]
    if not failed:
        return
    files, rows = outcome.total(*FILES), outcome.total(*ROWS)
    done = f"Committed all the same: {files:,} files, {rows:,} reviews. {FAILED_NEXT_STEP}"
    uris, first = failed[0]
    if len(failed) == 1:
        raise _add_words(first, f"Not scored: {name_files(uris)}\n{done}") from first
    lines = [f"- {name_files(uris)}: {error}" for uris, error in failed]
    head = f"{len(lines)} groups of files failed:"
    raise ReviewsError("\n".join([head, *lines, done])) from first


def name_files(uris: Sequence[str]) -> str:
    """Name the first files in one line, and count the others."""
    more = f" and {len(uris) - FILES_NAMED:,} more" if len(uris) > FILES_NAMED else ""
    return ", ".join(map(escape_controls, uris[:FILES_NAMED])) + more


def _add_words(error: Exception, words: str) -> Exception:
    """Make an error of the same class with more words; one that takes no plain message gets them as a note."""
    try:
        return type(error)(f"{error}\n{words}")
    except Exception:  # how an error of another library is made is not known
        error.add_note(words)
        return error if not isinstance(error, ReviewsError) else ReviewsError(f"{error}\n{words}")
