"""The results of a scoring run, group by group: the counts of its commits, and the errors of groups that failed."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from data_contracts.errors import ReviewsError
from tasks.inbox.source_files import SkippedFile, SourceFile
from tasks.scoring.rescoring import OlderSource
from tasks.support.wording import count, name_files
from tasks.warehouse.commit import CommitSummary, CommittedFile
from tasks.warehouse.file_ledger import Known

FAILED_NEXT_STEP = "Next: mend what the message names; the next run tries these files again."
COUNTS = (
    "files_scored",
    "rows_scored",
    "rows_quarantined",
    "files_rescored",
    "rows_rescored",
    "files_refused",
)
"""The counts of a commit. The run log, events and assets use the same names."""
FILES, ROWS = ("files_scored", "files_rescored"), ("rows_scored", "rows_rescored")
"""The counts whose sum is the number of files, or rows, to which a run gave scores."""


REPLACED = (
    "byte for byte a full export that a later one has replaced, and that one still counts. Next: if this is the "
    "present state, send it with any change, such as an empty line at its end"
)


@dataclass(frozen=True)
class GroupResult:
    """The result of one group of files; `committed` is None if the group failed or its part was dropped."""

    uris: tuple[str, ...]
    committed: CommitSummary | None
    postponed: tuple[SkippedFile, ...] = ()
    """Files that could not be read, or that changed while they were read; the next run tries them again."""
    error: Exception | None = None
    left: tuple[OlderSource, ...] = ()
    """Files that the next run scores again, since the time of this one for that was over."""
    undone: str = "not scored"
    """What a message says of the files of a failed group."""


def make_skipped(files: Sequence[SkippedFile]) -> GroupResult:
    """Return the result of files that a run leaves out."""
    return GroupResult(tuple(file.uri for file in files), None, tuple(files))


def make_left(groups: Iterable[Sequence[OlderSource]]) -> GroupResult:
    """Return the result of groups of older files that a run leaves to the next one."""
    left = tuple(chain.from_iterable(groups))
    return GroupResult(tuple(source.uri for source in left), None, left=left)


def describe_replaced(come: Sequence[SourceFile], ledger: Known) -> list[SkippedFile]:
    """Return an entry for each file that has come anew with the bytes of a full export which was replaced since."""
    return [SkippedFile(file.uri, REPLACED) for file in come if file.source_sha256 in ledger.replaced]


def find_copies(
    come: Sequence[SourceFile],
    new: Sequence[SourceFile],
    statuses: Mapping[SourceFile, str | None],
    told: Collection[str] = (),
) -> dict[str, str | None]:
    """Return, of the files that have come anew, the copies of others that no run refused -> that one if it is `new`.

    `statuses` are those of the files; files that are `told` of otherwise are left out.
    """
    firsts = {file.source_sha256: file.uri for file in new}
    others = [file for file in come if file.uri not in {*firsts.values(), *told}]
    return {
        file.uri: firsts.get(file.source_sha256)
        for file in others
        if file.source_sha256 in firsts or statuses.get(file) != "refused"
    }


@dataclass(frozen=True)
class RunOutcome:
    """The results of a run's groups so far."""

    groups: tuple[GroupResult, ...] = ()

    def has_committed(self) -> bool:
        """Return whether the run has added files to the ledger."""
        return bool(self.files())

    def list_commits(self) -> list[CommitSummary]:
        """Return the commits in their order."""
        return [group.committed for group in self.groups if group.committed is not None]

    def list_postponed(self) -> list[SkippedFile]:
        """Return the files that the next run tries again."""
        return [file for group in self.groups for file in group.postponed]

    def list_failed(self) -> list[str]:
        """Return the names of the files in groups that failed."""
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
        """Return the sum of the named counts over all commits."""
        return sum(getattr(each, name) for each in self.list_commits() for name in names)

    def count(self) -> dict[str, int]:
        """Return each of `COUNTS` for the whole run."""
        return {name: self.total(name) for name in COUNTS}

    def count_left(self) -> dict[str, int]:
        """Return how many files and rows the next run scores again, since the time of this one for that was over."""
        left = [source for group in self.groups for source in group.left]
        return {"files_left": len(left), "rows_left": sum(source.texts for source in left)}

    def files(self, status: str | None = None) -> list[CommittedFile]:
        """Return the files that the run has added to the ledger: all, or those with `status`."""
        return [file for each in self.list_commits() for file in each.files if status in (None, file.status)]

    def list_copies(self, copies: Mapping[str, str | None]) -> tuple[str, ...]:
        """Return those of the `copies` that are not copies of files that were refused."""
        refused = {file.uri for file in self.files("refused")}
        return tuple(copy for copy, first in copies.items() if first not in refused)


@contextmanager
def name_committed(done: Sequence[GroupResult]) -> Iterator[None]:
    """Let the error of the block, which fills `done`, say what was committed all the same: that stays, and counts."""
    try:
        yield
    except Exception as error:
        outcome = RunOutcome(tuple(done))
        files, rows = outcome.total(*FILES), outcome.total(*ROWS)
        if not files:
            raise
        said = f"Committed all the same: {count(files, 'file')}, {count(rows, 'review')}."
        raise _extend_error(error, said) from error


def require_no_failure(outcome: RunOutcome) -> None:
    """Raise an error if any group failed; its message names the files that failed.

    The error of a single failed group keeps its class, and so the exit status; several become one `ReviewsError`.
    """
    failed = [
        (name_files(group.uris), group.undone, group.error)
        for group in outcome.groups
        if group.error is not None
    ]
    if not failed:
        return
    names, undone, first = failed[0]
    if len(failed) == 1:
        raise _extend_error(first, f"{undone.capitalize()}: {names}\n{FAILED_NEXT_STEP}") from first
    lines = [f"- {names}: {error}" for names, _, error in failed]
    head = f"{len(lines)} groups of files failed:"
    raise ReviewsError("\n".join([head, *lines, FAILED_NEXT_STEP])) from first


def _extend_error(error: Exception, addition: str) -> Exception:
    """Return an error of the same class with `addition` after its message.

    If the class can't be constructed from one message, the addition becomes a note; a `ReviewsError` of such a subclass
    becomes a plain one. So does an error of the system, after whose text the command would put a next step of its own.
    """
    if isinstance(error, OSError):
        return ReviewsError(f"{error}\n{addition}")
    try:
        return type(error)(f"{error}\n{addition}")
    except Exception:  # the constructors of other libraries' errors are not known
        error.add_note(addition)
        return error if not isinstance(error, ReviewsError) else ReviewsError(f"{error}\n{addition}")
