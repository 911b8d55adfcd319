"""Tests of the outcome of a scoring run: totals of its groups, overall and by model."""

from tasks.scoring.rescoring import OlderSource
from tasks.scoring.run_outcome import GroupResult, RunOutcome, make_left
from tasks.warehouse.commit import CommitSummary, CommittedFile


def commit(uri: str, model_id: str, rows: int) -> GroupResult:
    file = CommittedFile(uri, model_id, "csv", "scored", None, None, rows, rows, 0, is_rescored=False)
    return GroupResult((uri,), CommitSummary(1, 0, rows, 0, files=(file,)))


def test_what_is_left_to_the_next_run_is_counted_and_has_not_failed() -> None:
    groups = [(OlderSource("1", "a.csv", "csv", 9, 4, texts=3), OlderSource("2", "b.csv", "csv", 9, 1))]
    outcome = RunOutcome((commit("c.csv", "later", 5), make_left(groups)))
    assert outcome.count_left() == {"files_left": 2, "rows_left": 3}
    assert (outcome.list_failed(), outcome.total("files_rescored")) == ([], 0)
