"""Lists what needs a person, with its command.

These are failed runs, destinations, a copy in a store and a shadow in trouble, a training that is due, refused files,
quarantined rows, drift, and late sources.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from data_contracts.queries import read_named
from data_contracts.rules_and_limits import FILE_RULES, HARMLESS_RULES, ROW_RULES, SCORING_RULES
from data_contracts.sources.delivery import ON_TIME, Delivery, judge_deliveries
from data_contracts.storage.home import Home
from tasks.inbox.source_files import SourceFile, hash_file, look_into
from tasks.maintenance.set_aside import LIST_REFUSED, is_there
from tasks.pages.formatting import NAME_CHARACTERS, cut_name
from tasks.queries.run_query import Ask
from tasks.report.names_and_commands import format_release, name_measure
from tasks.report.run_choice import SCORING, TRAINING, Row
from tasks.store.upload_trouble import read_trouble
from tasks.support.wording import count, escape_controls, quote_word

# Without rows that came without a text, and spam: nobody has to do anything about these.
_COUNT_QUARANTINED = f"""
SELECT
    rule, count(*) AS rows, count(DISTINCT source_sha256) AS files, count(raw) FILTER (raw_is_text) AS releasable,
    max(coalesce(length(TRY(decode(raw))), octet_length(raw))) FILTER (raw_is_text) AS longest
FROM quarantined_rows
ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
WHERE released_at IS NULL AND rule NOT IN {HARMLESS_RULES} GROUP BY rule ORDER BY rows DESC, rule
"""  # noqa: S608 (our own rule)
# Of the last run that was checked; what the profiles of the sources accept has passed its check.
_LIST_DRIFTED = """
SELECT run_id, source, columns AS measure, observed, expected FROM contract_results
WHERE boundary = 'drift' AND NOT success
AND run_id = (SELECT arg_max(run_id, checked_at) FROM contract_results WHERE boundary = 'drift')
ORDER BY source NULLS FIRST, measure
"""
_FIND_DELIVERIES = (
    f"SELECT {', '.join(each.name for each in fields(Delivery))} FROM deliveries ORDER BY source"  # noqa: S608
)
_FIND_LAST_RUNS = """
SELECT flow, status, parameters FROM runs QUALIFY row_number() OVER (PARTITION BY flow ORDER BY started_at DESC) = 1
ORDER BY flow
"""
PROBLEM_CHARACTERS = 400
"""Most characters of an error that are shown."""
_AGAIN = {SCORING: "reviews score", "ingest-reviews": "reviews ingest"}
"""The command that runs a flow again, by its name."""

_FIND_TROUBLED_SHADOW = """
SELECT model_id, trouble FROM (FROM shadows ORDER BY number DESC LIMIT 1)
WHERE trouble IS NOT NULL AND ended_at IS NULL AND (until IS NULL OR until > now())
"""
_FIND_VARIANT = "SELECT variant FROM models WHERE model_id = $model_id"
_HOW_RUNS_FAILED = {
    "failed": ("failed", "Its report and its page in Prefect have the reason."),
    "stopped": ("was killed", "The command goes on with what it left."),
}
"""What happened to a run, by its status, and what is to be known then."""

_RELEASES = "The command checks them again and scores those that now pass."
_LISTS = (
    "The command lists them. Correct them in their file and put it into the inbox; then reviews forget ROW deletes "
    "each old row. Where a setting or a profile was wrong, change it; reviews quarantine release then checks them."
)


@dataclass(frozen=True)
class Concern:
    """Something that needs a person."""

    what: str
    why: str
    """What is wrong, and what to do about it, as sentences."""
    command: str
    """The command that goes on with it, or shows what is to be mended."""


def find_concerns(ask: Ask, home: Home) -> list[Concern]:
    """Return what needs a person, what weighs most first; its commands name the home, so that they can be copied."""
    found = [
        *_find_failed_runs(ask),
        *_find_failing_destinations(home),
        *_find_failing_upload(home),
        *_find_troubled_shadow(ask),
        *_find_due(ask),
        *_find_refused(ask, home),
        *(_describe_quarantined(row) for row in ask(_COUNT_QUARANTINED)),
        *_find_drift(ask),
        *_find_late(ask, home),
    ]
    with_home = f"reviews --home {quote_word(str(home.folder))} "
    return [replace(each, command=each.command.replace("reviews ", with_home, 1)) for each in found]


def _find_failed_runs(ask: Ask) -> Iterator[Concern]:
    """Yield the flows whose last run failed, or was killed."""
    for row in ask(_FIND_LAST_RUNS):
        if how := _HOW_RUNS_FAILED.get(row["status"]):
            what, why = how
            whole = f"Nothing that was committed before is lost. {why}"
            yield Concern(f"The last run of {row['flow']} {what}", whole, _name_again(row))


def _name_again(row: Row) -> str:
    """Return the command that runs a flow again, a training with the parameters that it had."""
    if row["flow"] != TRAINING:
        return _AGAIN.get(row["flow"], "reviews sql run-history")
    asked = {name: value for name, value in json.loads(row["parameters"] or "{}").items() if value}
    names = ("variant", "seed", "epochs", "promote", "device")
    options = [f"--{name} {quote_word(str(asked[name]))}" for name in names if name in asked]
    return " ".join(["reviews train", *options, *(["--with-own"] if "with_own" in asked else [])])


def _find_failing_destinations(home: Home) -> Iterator[Concern]:
    """Yield the destinations that get no scores."""
    if not any(home.destinations.glob("[!.]*.toml")):
        return  # saves the import below, which is slow
    from tasks.delivery.delivering import list_failing

    for name, standing in list_failing(home).items():
        behind = f" It is up to {count(standing.rows_behind, 'row')} behind." if standing.rows_behind else ""
        why = f"{_shorten(standing.error)}{behind} Each run tries again; the command does so at once."
        command = f"reviews destinations deliver {quote_word(name)}"
        yield Concern(f"{cut_name(name)} gets no scores", why, command)


def _find_failing_upload(home: Home) -> Iterator[Concern]:
    """Yield the copy in a store, if the last upload failed."""
    if trouble := read_trouble(home):
        why = f"{_shorten(trouble.error)} Each run tries again, also one that finds nothing new."
        yield Concern(f"The copy in {cut_name(trouble.store)} is behind", why, "reviews score")


def _find_troubled_shadow(ask: Ask) -> Iterator[Concern]:
    """Yield the shadow, if there is one and it can't score."""
    for row in ask(_FIND_TROUBLED_SHADOW):
        why = (
            f"{_shorten(row['trouble'])} The champion's scores are complete. Each run tries again, so mend it, or end "
            "it by the command."
        )
        yield Concern(
            f"The shadow {cut_name(row['model_id'])} can't score", why, "reviews models shadow stop"
        )


def _shorten(problem: str | None) -> str:
    """Return what is wrong, as the beginning of sentences."""
    shown = cut_name(problem or "", PROBLEM_CHARACTERS)
    return shown if shown.endswith((".", "…")) else f"{shown}."


def _find_due(ask: Ask) -> Iterator[Concern]:
    """Yield that a training is due, and why, as `champion-promise` says."""
    for row in ask(read_named("champion-promise").sql):
        if row["due_since"]:
            [champion] = ask(_FIND_VARIANT, {"model_id": row["model_id"]})
            command = f"reviews train --with-own --variant {quote_word(champion['variant'])}"
            why = f"{row['why'][:1].upper()}{row['why'][1:]}"
            yield Concern("A training is due", _shorten(why), command)


def _find_refused(ask: Ask, home: Home) -> Iterator[Concern]:
    """Yield the refused files that are still there and were not corrected, by rule: that of most files first."""
    rows = ask(LIST_REFUSED, {"since": None})
    found = {row["source_sha256"]: row["uri"] for row in rows if row["uri"] and is_there(home, row["uri"])}
    gone = {row["source_sha256"]: row["bytes"] for row in rows if row["source_sha256"] not in found}
    found |= _find_renamed(home, gone)
    by_rule: dict[str, dict[str, str]] = {}
    for row in rows:
        if uri := found.get(row["source_sha256"]):
            by_rule.setdefault(row["rule"] or "no rule", {})[row["source_sha256"]] = uri
    for rule, uris in sorted(by_rule.items(), key=lambda each: (-len(each[1]), each[0])):
        yield _describe_refused(rule, list(uris.values()), home)


def _find_renamed(home: Home, gone: Mapping[str, int | None]) -> dict[str, str]:
    """Return by sha256 the present names of files in the inbox that are `gone` from where they were found.

    `gone` has their sizes. What a run that finds nothing new has seen is not published, so the inbox is looked into.
    """
    if not gone or not home.inbox.is_dir():
        return {}
    sizes = set(gone.values())
    hashed = (hash_file(file) for file in look_into(home.inbox).files if file.size in sizes)
    return {
        file.source_sha256: file.uri
        for file in hashed
        if isinstance(file, SourceFile) and file.source_sha256 in gone
    }


def _describe_refused(rule: str, uris: Sequence[str], home: Home) -> Concern:
    """Describe the files that were refused by a rule, the last one last."""
    last = uris[-1]
    is_short = len(last) <= NAME_CHARACTERS and last.isprintable() and "://" not in last
    is_only = len(uris) == 1 and is_short
    command = (
        f"reviews score {quote_word(str(home.inbox / last))}" if is_only else "reviews sql rejected-files"
    )
    nothing = f"Nothing of {'it' if len(uris) == 1 else 'them'} is scored"
    why = f"{FILE_RULES.get(rule, rule)} {nothing} until corrected. The last one is {cut_name(last)}."
    return Concern(f"{count(len(uris), 'file')} refused ({rule})", why, command)


def _describe_quarantined(row: Row) -> Concern:
    """Describe the rows in quarantine that broke a rule."""
    rule = row["rule"]
    says = str({**ROW_RULES, **SCORING_RULES}.get(rule, rule))
    command = format_release(row)
    why = f"{says} {_RELEASES if command else _LISTS}"
    rows = f"{count(row['rows'], 'row')} of {count(row['files'], 'file')} in quarantine ({rule})"
    return Concern(rows, why, command or f"reviews quarantine list --rule {quote_word(rule)}")


def _find_drift(ask: Ask) -> Iterator[Concern]:
    """Yield the measures that drifted in the last run that was checked."""
    drifted = ask(_LIST_DRIFTED)
    for source in dict.fromkeys(row["source"] for row in drifted):
        rows = [row for row in drifted if row["source"] == source]
        yield _describe_drift(source, rows)


def _describe_drift(source: str | None, rows: Sequence[Row]) -> Concern:
    """Describe the drift of a source or, if that is None, of all reviews of a run."""
    measures = "; ".join(f"{name_measure(row['measure'])}: {row['observed']}" for row in rows)
    command = f"reviews report {rows[0]['run_id']}"
    if source is None:
        why = f"They are unlike the reviews on which the model was tested ({measures}): its scores may be worse."
        return Concern("The newest reviews drifted", why, command)
    why = f"Its reviews are unlike those before ({measures}). If that is right, its profile can accept it."
    return Concern(f"{cut_name(source)} drifted", why, command)


def _find_late(ask: Ask, home: Home) -> Iterator[Concern]:
    """Yield the sources that are late, or sent unusually few or many rows, unless their profiles accept it."""
    found = judge_deliveries(Delivery(**row) for row in ask(_FIND_DELIVERIES))
    if all(result.success for result in found):
        return  # saves the import below, which is slow
    from tasks.sources.accepted_findings import accept_findings

    for result in accept_findings(home, found):
        if not result.success:
            name = escape_controls(result.source or "")
            what = "is late" if result.rule == ON_TIME else "sent unusually few or many rows"
            why = f"Observed: {result.observed}. Expected: {result.expected}. Ask those who send it."
            yield Concern(f"{cut_name(name)} {what}", why, "reviews sql sources")
