"""The flow `score-reviews`: new review files → contract → scored parts → one transaction a group → DuckDB.

Scores what is new by content; a second run scores nothing. Needs a promoted model only where there is
something to score. One run at a time per home: a second one waits for the first.
"""

from dataclasses import dataclass

from prefect import flow

from data_contracts.errors import UsageError
from deployments.settings import Settings, load_settings
from flows.recording import RecordedRun, record_flow_run
from tasks import score_stages as stages
from tasks.inbox import PassedOver, group_files
from tasks.locking import hold_folder
from tasks.publish_stage import publish_copy
from tasks.published import needs_publishing


@dataclass(frozen=True)
class ScoringSummary:
    """What a run did; `refused` and `passed_over` name what people should look at."""

    inbox: str
    files_found: int
    files_scored: int
    rows_scored: int
    rows_quarantined: int
    model_id: str | None
    refused: tuple[str, ...]
    passed_over: tuple[PassedOver, ...]


@flow(name="score-reviews")
def score_reviews(files: list[str] | None = None, text_column: str | None = None) -> ScoringSummary:
    """Score the review files that are new by content.

    Args:
        files: paths of files or folders to score instead of the inbox; refused ones are tried again.
        text_column: name of the column that holds the text of these files, where it is not one that is known.
    """
    if text_column and not files:
        raise UsageError(
            "--text-column is for files that you name: reviews score --text-column NAME FILE ..."
        )
    settings = load_settings()
    for folder in (settings.inbox_dir, settings.parts_dir):
        folder.mkdir(parents=True, exist_ok=True)
    parameters = {"files": files, "text_column": text_column}
    with (
        hold_folder(settings.parts_dir, stages.announce_wait),
        record_flow_run("score-reviews", parameters, settings) as run,
    ):
        summary = _score_new(files, text_column, settings, run)
    if summary.files_scored or summary.refused or needs_publishing(settings.warehouse, settings.published):
        publish_copy(settings.warehouse, settings.published)
    return summary


def _score_new(
    files: list[str] | None, text_column: str | None, settings: Settings, run: RecordedRun
) -> ScoringSummary:
    """Finish what an earlier run left scored, then score what is new, group by group."""
    commits = stages.commit_leftovers(settings.parts_dir, settings.warehouse)
    plan = stages.find_new_files(settings.inbox_dir, files, settings.warehouse)
    champion = None
    refused: list[str] = []
    postponed: list[PassedOver] = []
    if plan.new:
        champion = stages.require_champion(settings.warehouse, settings.bundles_dir)
        for group in group_files(plan.new):
            scored = stages.score_files(
                group,
                champion,
                settings.bundles_dir,
                settings.parts_dir,
                settings.warehouse,
                run.run_id,
                settings.limits,
                text_column,
            )
            refused.extend(scored.refused)
            postponed.extend(scored.postponed)
            commits.append(stages.commit(scored.part_dir, settings.warehouse))
    summary = ScoringSummary(
        inbox=str(settings.inbox_dir),
        files_found=plan.files_found,
        files_scored=sum(each.files_scored for each in commits),
        rows_scored=sum(each.rows_scored for each in commits),
        rows_quarantined=sum(each.rows_quarantined for each in commits),
        model_id=champion.model_id if champion else None,
        refused=tuple(refused),
        passed_over=(*plan.passed_over, *postponed),
    )
    counts = ("files_found", "files_scored", "rows_scored", "rows_quarantined")
    run.counts.update({name: getattr(summary, name) for name in counts}, files_refused=len(refused))
    return summary
