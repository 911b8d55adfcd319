"""Every metric that is served: its name, labels and meaning, and for those of the database the SQL of their values."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family

from tasks.queries.named_queries import embed_query


@dataclass(frozen=True)
class Metric:
    """A gauge; `meaning` is its help text, also on the page of operations."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    query: str = ""
    """SQL over the published copy: the labels in their order, then the value; empty for metrics of other origin.
    `$run_id` is the last run that scored with the champion; `$since`, of a named query, is null."""


@dataclass(frozen=True)
class Sample:
    """One value of a metric, with the values of its labels in their order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


class HomeRegistry(CollectorRegistry):
    """Collects as others do, and adds the label `home` to all samples, so that several homes can be told apart."""

    def __init__(self, home: str) -> None:
        super().__init__()
        self._home = home

    def collect(self) -> Iterator[Family]:
        """Yield all metrics, each sample with the label."""
        for family in super().collect():
            family.samples = [
                sample._replace(labels={"home": self._home, **sample.labels}) for sample in family.samples
            ]
            yield family


_CHAMPION = "(SELECT model_id FROM promotions ORDER BY number DESC LIMIT 1)"
FIND_LAST_RUN = f"""
SELECT run_id FROM scored_files WHERE status = 'scored' AND model_id = {_CHAMPION} ORDER BY commit_number DESC LIMIT 1
"""  # noqa: S608 (our own names)
"""SQL: the last run that scored with the champion."""
_OF_CHAMPION = f"FROM models WHERE model_id = {_CHAMPION}"
_RECENT_BY_SOURCE = f"""
FROM (
    FROM live_accuracy WHERE model_id = {_CHAMPION} AND labelled_reviews > 0 QUALIFY day > max(day) OVER () - 28
) GROUP BY source
"""
_DRIFT = f"FROM drift WHERE run_id = $run_id AND model_id = {_CHAMPION}"

DATABASE = (
    Metric(
        "reviews_rows_scored",
        "Rows of `scored_reviews`.",
        ("model_id", "source"),
        "SELECT model_id, source, count(*) FROM scored_reviews GROUP BY ALL",
    ),
    Metric(
        "reviews_rows_quarantined",
        "Rows of `open_quarantine`.",
        ("rule",),
        "SELECT rule, count(*) FROM open_quarantine GROUP BY ALL",
    ),
    Metric(
        "reviews_files_scored",
        "Files with scores, of the readings that count.",
        ("source",),
        "SELECT source, count(DISTINCT source_sha256) FROM scored_files "
        "WHERE status = 'scored' AND superseded_at IS NULL GROUP BY ALL",
    ),
    Metric(
        "reviews_files_refused",
        "Files that were refused whole and not corrected since: those that `reviews sql rejected-files` lists without "
        "a `corrected_at`.",
        ("source", "rule"),
        f"SELECT source, rule, count(DISTINCT source_sha256) FROM {embed_query('rejected-files')} "  # noqa: S608
        "WHERE corrected_at IS NULL GROUP BY ALL",
    ),
    Metric(
        "reviews_last_commit_timestamp_seconds",
        "When a file was last committed, in seconds since 1970.",
        (),
        "SELECT epoch(max(committed_at)) FROM scored_files",
    ),
    Metric(
        "reviews_champion_info",
        "1 for the model that scores.",
        ("model_id", "variant"),
        f"SELECT model_id, variant, 1 {_OF_CHAMPION}",
    ),
    Metric(
        "reviews_champion_promoted_timestamp_seconds",
        "When the champion was promoted, in seconds since 1970.",
        (),
        'SELECT epoch("at") FROM promotions ORDER BY number DESC LIMIT 1',
    ),
    Metric(
        "reviews_champion_test_accuracy",
        "Accuracy of the champion on the test split, 0 to 1.",
        (),
        f"SELECT test_accuracy {_OF_CHAMPION}",
    ),
    Metric(
        "reviews_live_accuracy",
        "Accuracy of the champion on rows whose source gives a label or rating, 0 to 1, by the view `live_accuracy`, "
        "over the 28 days up to the last such row.",
        ("source",),
        f"SELECT source, sum(accuracy * labelled_reviews) / sum(labelled_reviews) {_RECENT_BY_SOURCE}",
    ),
    Metric(
        "reviews_live_accuracy_rows",
        "How many rows `reviews_live_accuracy` is of.",
        ("source",),
        f"SELECT source, sum(labelled_reviews) {_RECENT_BY_SOURCE}",
    ),
    Metric(
        "reviews_drift_psi",
        "How far the rows of the last run that scored with the champion are from the past rows of their source or, "
        "without a source, those of new sources from held-out reviews: the `psi` of the view `drift`.",
        ("measure", "source"),
        f"SELECT measure, source, psi {_DRIFT}",
    ),
    Metric(
        "reviews_drift_threshold",
        "Above this `reviews_drift_psi` is more than chance.",
        ("measure", "source"),
        f"SELECT measure, source, threshold {_DRIFT}",
    ),
    Metric(
        "reviews_source_late",
        "1 if a source is late by the view `deliveries`, else 0.",
        ("source",),
        "SELECT source, is_late::INTEGER FROM deliveries",
    ),
    Metric(
        "reviews_findings",
        "Findings that are open, as `reviews findings` lists them.",
        ("kind", "level"),
        "SELECT kind, level, count(*) FROM findings WHERE state = 'open' GROUP BY ALL",
    ),
)
READABLE = Metric(
    "reviews_published_readable",
    "1 if the published copy of the database can be read, else 0: then the metrics of the database are missing, and "
    "those of the inbox if the ledger in the copy can't be read either.",
)

UNSCORED = Metric(
    "reviews_unscored_files",
    "Files in the inbox of the home whose content was neither scored nor refused yet.",
)
OLDEST = Metric(
    "reviews_oldest_unscored_file_age_seconds",
    "Seconds since the first of them was put there; 0 if there is none.",
)
INBOX = (UNSCORED, OLDEST)

BACKED_UP = Metric(
    "reviews_backup_timestamp_seconds",
    "When the newest backup in `backups/`, or the last one elsewhere, was made, in seconds since 1970.",
)
VERIFIED = Metric(
    "reviews_verified_timestamp_seconds",
    "When `reviews verify` last found all promises kept, if it did, in seconds since 1970.",
)
BROKEN = Metric("reviews_promises_broken", "Promises that the last `reviews verify` found broken.")
DISK_FREE = Metric("reviews_disk_free_bytes", "Bytes that are free on the disk of the home.")
UPKEEP = (BACKED_UP, VERIFIED, BROKEN, DISK_FREE)

SERVER_UP = Metric(
    "reviews_server_up",
    "1 if Prefect's server answers, and that of `reviews up` shows its page, else 0: then the metrics below are "
    "missing.",
)
WORKERS = Metric("reviews_workers_online", "Workers of the work pool of the home that are online.")
SCHEDULED = Metric(
    "reviews_schedule_active", "1 if a deployment has a schedule that is on, else 0.", ("deployment",)
)
ACTIVE = Metric("reviews_runs_active", "Runs that are pending or running.", ("deployment",))
WAITING = Metric("reviews_runs_waiting", "Runs that are due and wait, 200 at most.", ("deployment",))
SUCCESS = Metric(
    "reviews_last_success_timestamp_seconds",
    "When a run last completed, in seconds since 1970.",
    ("deployment",),
)
SECONDS = Metric("reviews_last_run_seconds", "How long that run took, in seconds.", ("deployment",))
FAILED = Metric(
    "reviews_last_run_failed", "1 if the run that ended last failed or crashed, else 0.", ("deployment",)
)
SERVER = (SERVER_UP, WORKERS, SCHEDULED, ACTIVE, WAITING, SUCCESS, SECONDS, FAILED)

METRICS = (*DATABASE, READABLE, *INBOX, *UPKEEP, *SERVER)
