"""Gathers findings from the tables, and from the files that say how deliveries went: a function for each kind.

What only the rows of new files show is gathered by `tasks/scoring/unclear_values.py`.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from itertools import groupby

import duckdb

from data_contracts.errors import ReviewsError
from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import HARMLESS_RULES, ROW_RULES, SCORING_RULES
from data_contracts.sources.delivery import ON_TIME, Delivery, judge_deliveries
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import is_store_uri
from tasks.findings.finding import ERROR, NOTE, WARNING, Finding
from tasks.findings.recorded import Noted, make_findings, note_findings, read_findings
from tasks.inbox.source_files import SkippedFile
from tasks.queries.named_queries import embed_query
from tasks.report.release_commands import format_release
from tasks.report.run_choice import SCORING, TRAINING
from tasks.sources.catalogue import accept_findings
from tasks.store.upload_trouble import read_trouble
from tasks.support.wording import count, name_files, quote_word
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.run_log import Run

OF_TABLES = ("refused_file", "quarantined_rows", "late_source", "unusual_delivery", "training_due")
"""The kinds that `gather_from_tables` looks for."""
OF_ENDS = ("undelivered", "shadow_trouble")
"""The kinds that `gather_at_end` looks for."""
MOST_LOOKED_AT = 100_000
"""Most names of refused files that are looked at in the inbox; the files of later ones count as being there."""
_FILES_NAMED = 5
# With every name that a refused content has: a file that was renamed is the same one. A name under which another
# content was found since is not its own any more.
_LIST_REFUSED = f"""
WITH refused AS (FROM {embed_query("rejected-files")} WHERE corrected_at IS NULL),
names AS (
    SELECT source_sha256, uri FROM inbox_files SEMI JOIN refused USING (source_sha256)
    UNION
    SELECT source_sha256, uri FROM refused ANTI JOIN inbox_files USING (uri)
)
SELECT rule, detail, source, source_sha256, names.uri FROM refused JOIN names USING (source_sha256)
ORDER BY refused_at, names.uri
"""  # noqa: S608 (our own query)
# Without rows that came without a text, and spam: nobody has to do anything about these.
_COUNT_QUARANTINED = f"""
SELECT
    rule, count(*) AS rows, count(DISTINCT source_sha256) AS files, count(raw) FILTER (raw_is_text) AS releasable,
    max(CASE WHEN rule = 'text_too_long' THEN coalesce(length(TRY(decode(raw))), octet_length(raw)) ELSE 0 END)
        FILTER (raw_is_text) AS longest
FROM quarantined_rows
ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
WHERE released_at IS NULL AND rule NOT IN {HARMLESS_RULES} GROUP BY rule ORDER BY rows DESC, rule
"""  # noqa: S608 (our own rule)
_HAS_DAYS = "SELECT count(*) FROM (SELECT source FROM source_days GROUP BY source HAVING count(*) >= 7)"
_FIND_DELIVERIES = (
    f"SELECT {', '.join(each.name for each in fields(Delivery))} FROM deliveries ORDER BY source"  # noqa: S608
)
# Those of the champion, and none that a training with own labels has followed.
_LIST_DUE = """
FROM findings WHERE kind = 'training_due' AND state <> 'settled'
    AND starts_with(subject, (SELECT arg_max(model_id, number) FROM promotions) || ' (')
    AND first_seen > coalesce((
        SELECT max(started_at) FROM runs
        WHERE flow = 'train-model' AND status = 'completed' AND parameters->>'with_own' = 'true'
    ), '-infinity')
ORDER BY number
"""
_FIND_TROUBLED_SHADOW = """
SELECT model_id, trouble FROM (FROM shadows ORDER BY number DESC LIMIT 1)
WHERE trouble IS NOT NULL AND ended_at IS NULL AND (until IS NULL OR until > now())
"""
_FIND_PARAMETERS = "SELECT parameters FROM runs WHERE flow = ? ORDER BY started_at DESC LIMIT 1"
_AGAIN = {SCORING: "reviews score", "ingest-reviews": "reviews ingest"}
"""The command that runs a flow again, by its name."""
_LISTS = (
    ". Correct them in their file and put it into the inbox; then reviews forget ROW deletes each old row. Where a "
    "setting or a profile was wrong, change it; reviews quarantine release then checks them"
)


def refresh_findings(home: Home, run_id: str | None = None) -> Noted:
    """Record what the tables say now, after a command or a run has changed them."""
    if not home.warehouse.exists():
        return Noted()
    with open_warehouse(home.warehouse, write=False) as connection:
        found = [*gather_from_tables(connection, home), *gather_at_end(connection, home)]
    return note_findings(home.warehouse, found, lambda row: row["kind"] in (*OF_TABLES, *OF_ENDS), run_id)


def gather_from_tables(connection: duckdb.DuckDBPyConnection, home: Home) -> list[Finding]:
    """Return the findings of the kinds in `OF_TABLES`."""
    return [
        *_gather_refused(connection, home),
        *_gather_quarantined(connection),
        *_gather_unusual(connection, home),
        *make_findings(read_findings(connection, _LIST_DUE)),
    ]


def gather_at_end(connection: duckdb.DuckDBPyConnection, home: Home) -> list[Finding]:
    """Return the findings of the kinds in `OF_ENDS`, which are known when all else of a run is done."""
    shadows = [
        Finding(
            "shadow_trouble", model_id, f"{model_id} can't score: {trouble}", "reviews models shadow stop"
        )
        for model_id, trouble in connection.execute(_FIND_TROUBLED_SHADOW).fetchall()
    ]
    return [*_gather_undelivered(home), *shadows]


def _gather_refused(connection: duckdb.DuckDBPyConnection, home: Home) -> Iterator[Finding]:
    """Yield the refused files that are still there and were not corrected, each content once."""
    # In a copy alone, and where the inbox is not mounted, the files may lie elsewhere.
    looked_at = MOST_LOOKED_AT if home.warehouse.exists() and os.access(home.inbox, os.F_OK) else 0
    there: dict[tuple[str, ...], list[str]] = {}
    rows = connection.execute(_LIST_REFUSED, {"since": None}).fetchall()
    for number, (*refused, uri) in enumerate(rows):
        # Objects of a store are not looked at, and what can't be looked at need not be gone.
        if number < looked_at and not is_store_uri(uri):
            try:
                (home.inbox / uri).lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError):
                pass
        there.setdefault(tuple(refused), []).append(uri)
    for (rule, detail, source, _), uris in there.items():
        yield replace(name_refused(home, uris, rule, detail), source=source)


def name_refused(home: Home, uris: Sequence[str], rule: str, detail: str) -> Finding:
    """Return that a file, which has these names, was refused."""
    is_file = uris[0].isprintable() and not is_store_uri(uris[0])
    command = f"reviews score {quote_word(str(home.inbox / uris[0]))}" if is_file else ""
    what = f"{name_files(uris, _FILES_NAMED)} refused, {rule}: {detail}"
    return Finding("refused_file", uris[0], what, command or "reviews sql rejected-files")


def _gather_quarantined(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Yield the rows in quarantine, by the rule that they broke."""
    for row in read_findings(connection, _COUNT_QUARANTINED):
        rule, command = row["rule"], format_release(row)
        says = str({**ROW_RULES, **SCORING_RULES}.get(rule, rule)).removesuffix(".")
        rows = f"{count(row['rows'], 'row')} of {count(row['files'], 'file')} in quarantine ({rule})"
        what = f"{rows}: {says}{'' if command else _LISTS}"
        listed = f"reviews quarantine list --rule {quote_word(rule)}"
        yield Finding("quarantined_rows", rule, what, command or listed, NOTE)


def check_deliveries(connection: duckdb.DuckDBPyConnection, home: Home) -> list[CheckResult]:
    """Return whether each source sends as usual; none as long as no source has sent on seven days.

    DuckDB needs longer to plan the query of them than for all others of a run that finds nothing new.
    """
    if connection.execute(_HAS_DAYS).fetchall() == [(0,)]:
        return []
    found = connection.execute(_FIND_DELIVERIES).fetchall()
    return accept_findings(home, list(judge_deliveries(Delivery(*row) for row in found)))


def _gather_unusual(connection: duckdb.DuckDBPyConnection, home: Home) -> Iterator[Finding]:
    """Yield the sources that are late, or sent unusually few or many rows, unless their profiles accept it."""
    for result in check_deliveries(connection, home):
        if not result.success:
            kind = "late_source" if result.rule == ON_TIME else "unusual_delivery"
            what = f"{result.source}: {result.observed}; expected {result.expected}. Ask those who send it"
            yield Finding(kind, str(result.source), what, "reviews sql sources", source=result.source)


def _gather_undelivered(home: Home) -> Iterator[Finding]:
    """Yield the destinations that get no scores, and the store whose snapshot is behind."""
    if trouble := read_trouble(home):
        store, error = trouble
        what = f"No snapshot in {store}: {error}"
        yield Finding("undelivered", f"{store}/snapshots", what, "reviews score", ERROR)
    if not home.destinations.exists():
        return  # saves the import, which is slow
    from tasks.delivery.delivering import list_failing

    try:
        failing = {name: (each.error, each.rows_behind) for name, each in list_failing(home).items()}
    except OSError as problem:
        failing = {str(home.destinations): (f"it can't be read ({problem.strerror})", 0)}
    for name, (why, behind) in failing.items():
        what = f"Not delivered to {name}: {why}" + (
            f" It is up to {count(behind, 'row')} behind" * bool(behind)
        )
        yield Finding("undelivered", name, what, f"reviews destinations deliver {quote_word(name)}", ERROR)


def name_drift(results: Sequence[CheckResult]) -> Iterator[Finding]:
    """Yield the drift of each source beside its own past, and that of the reviews of new ones."""
    broken = sorted((each for each in results if not each.success), key=lambda each: each.source or "")
    for source, group in groupby(broken, lambda each: each.source):
        of_source = list(group)
        what = "; ".join(f"{each.columns}: {each.observed}; {each.expected}" for each in of_source)
        if source:
            yield Finding("drift", source, f"Drift of {source}: {what}", "reviews report", WARNING, source)
        else:
            unlike = "New sources are unlike the reviews on which the model was tested, so expect fewer right scores"
            step = "50 labels help: `reviews models label`, then `reviews train --with-own`"
            yield Finding("drift", "all reviews", f"{unlike}: {what}", step, WARNING)


def name_unread(
    skipped: Sequence[SkippedFile], said: str = "Not read", level: str = WARNING
) -> list[Finding]:
    """Return the reasons for which files of a folder are not read, or not all of them."""
    files: dict[tuple[str, str], list[str]] = {}
    for each in skipped:
        files.setdefault((each.uri.rpartition("/")[0] or "inbox", each.reason), []).append(each.uri)
    return [
        Finding(
            "unread_file",
            f"{folder}: {reason}",
            f"{said}: {name_files(uris, _FILES_NAMED)}: {reason}",
            "reviews score --dry-run",
            level,
        )
        for (folder, reason), uris in files.items()
    ]


def name_killed(run: Run, is_told: Callable[[str], bool]) -> list[Finding]:
    """Return the runs before this one that were killed; `is_told` says by id of which somebody else told."""
    return [
        Finding(
            "killed_run",
            flow,
            f"The run of {flow} of {started_at[:16].replace('T', ' ')} UTC was killed, or its machine stopped. What it "
            f"had committed stays; {'this run' if flow == run.flow else 'started again, it'} goes on with the rest",
            _name_again(run.home, flow),
            is_over=flow == run.flow,
            is_told=is_told(run_id),
        )
        for run_id, flow, started_at in run.killed
    ]


def name_failed(home: Home, flow: str, why: str, is_told: bool) -> Finding:
    """Return that a run failed, and why."""
    return Finding(
        "failed_run", flow, f"The run failed: {why}", _name_again(home, flow), ERROR, is_told=is_told
    )


def _name_again(home: Home, flow: str) -> str:
    """Return the command that runs a flow again, a training with the parameters that the last one had."""
    if flow != TRAINING:
        return _AGAIN.get(flow, "reviews sql run-history")
    asked: dict[str, object] = {}
    with suppress(ReviewsError), open_warehouse(home.warehouse, write=False) as connection:
        for (parameters,) in connection.execute(_FIND_PARAMETERS, [flow]).fetchall():
            asked = {name: value for name, value in json.loads(parameters or "{}").items() if value}
    names = ("variant", "seed", "epochs", "promote", "device")
    options = [f"--{name} {quote_word(str(asked[name]))}" for name in names if name in asked]
    return " ".join(["reviews train", *options, *(["--with-own"] if "with_own" in asked else [])])
