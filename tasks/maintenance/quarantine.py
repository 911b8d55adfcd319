"""Lists and shows quarantined rows, and releases them after a rule, a setting or a model was corrected.

A released row is checked again, scored by every model that has scored its file, and marked with who released it and
when. All of that is one transaction, so that for each file and model, rows read = rows scored + rows in quarantine
still holds. Only a release needs ONNX Runtime.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from data_contracts.errors import BundleError, ReviewsError, UsageError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.home import Home
from data_contracts.text_encodings import find_encoding
from tasks.findings.gathering import refresh_findings
from tasks.maintenance.rechecking import TEXT_ENCODING, UTF_8, StillBad, check_again, list_still_bad
from tasks.sources.catalogue import load_catalogue
from tasks.support.lock_holders import keep_runs_out
from tasks.support.wording import count, escape_controls
from tasks.warehouse.accounting import require_accounted
from tasks.warehouse.database.duckdb_engine import begin_transaction, quote_sql
from tasks.warehouse.database.warehouse_connection import open_warehouse, require_warehouse
from tasks.warehouse.latest_scores import add_texts
from tasks.warehouse.model_registry import find_promoted
from tasks.warehouse.publishing import publish
from tasks.warehouse.row_names import HAS_PARSED_NAME, ROW_NAME, SUPERSEDED, parse_row_name
from tasks.warehouse.run_log import record_run
from tasks.warehouse.tallies.score_sums import renew_sums

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_TEXTS, SHOWN_CHARACTERS = 3, 60
"""How many released texts are shown, and how many characters of each."""
NEXT_STEP = (
    "No row was released. Next: `reviews verify` names what is broken; restore a backup from before it."
)

_COUNTS = f"source_sha256 NOT IN {SUPERSEDED}"
"""SQL: whether a row is of a reading that counts. Those of earlier ones are history."""
_IS_CHOSEN = f"""
released_at IS NULL AND {_COUNTS}
AND ($rule IS NULL OR rule = $rule)
AND ($uri IS NULL OR uri = $uri)
AND (NOT $named OR EXISTS (
    SELECT 1 FROM (SELECT unnest($prefixes::VARCHAR[]) AS prefix, unnest($numbers::BIGINT[]) AS number)
    WHERE starts_with(source_sha256, prefix) AND row_number = number
))
"""  # noqa: S608
_READ_CHOSEN = f"""
SELECT
    source_sha256, row_number, uri, member, review_id, movie_id, reviewed_at, given_label, given_rating,
    extra::VARCHAR AS extra, raw, rule, detail, coalesce(raw_is_text, false) AS raw_is_text,
    (SELECT min(source) FROM scored_files AS files WHERE files.source_sha256 = bad.source_sha256) AS source
FROM quarantined_rows AS bad WHERE {_IS_CHOSEN} ORDER BY uri, row_number
"""  # noqa: S608
_FIND_MODELS = """
SELECT source_sha256, model_id FROM scored_files
WHERE status = 'scored' AND source_sha256 IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL
"""
_COUNT_OPEN = """
SELECT count(*) FROM quarantined_rows SEMI JOIN released_texts USING (source_sha256, row_number)
WHERE released_at IS NULL
"""
_SCORES = "(SELECT scores.*, source FROM released_scores AS scores JOIN scored_files USING (source_sha256, model_id))"
_MARK_RELEASED = """
UPDATE quarantined_rows SET released_at = now(), released_by = $by || coalesce(' (read as ' || encoding || ')', '')
FROM released_rows AS released
WHERE quarantined_rows.source_sha256 = released.source_sha256
AND quarantined_rows.row_number = released.row_number AND released_at IS NULL
"""


_LIST = f"""
SELECT {ROW_NAME} AS "row", uri, member, rule, detail, quarantined_at
FROM quarantined_rows WHERE released_at IS NULL AND {_COUNTS} {{filters}} ORDER BY quarantined_at DESC, uri, row_number
"""  # noqa: S608
_SHOW = (
    f"SELECT * REPLACE (extra::VARCHAR AS extra) FROM quarantined_rows WHERE {HAS_PARSED_NAME} AND {_COUNTS}"  # noqa: S608
)


@dataclass(frozen=True)
class Choice:
    """A choice of open rows (quarantined and not released): by name, rule and file. A default chooses all rows."""

    rows: tuple[tuple[str, int], ...] = ()
    """(first digits of the file's sha256, row number) of each named row."""
    rule: str | None = None
    uri: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of `_READ_CHOSEN`."""
        return {
            "named": bool(self.rows),
            "prefixes": [prefix for prefix, _ in self.rows],
            "numbers": [number for _, number in self.rows],
            "rule": self.rule,
            "uri": self.uri,
        }


@dataclass(frozen=True)
class ReleaseRequest:
    """Which rows to release, and how they are checked, scored and marked."""

    choice: Choice
    released_by: str
    limits: RowLimits
    encoding: str | None = None
    """The encoding in which texts are read whose bytes were kept; None: that of the source's profile, or else UTF-8."""
    encodings: Mapping[str, str] = field(default_factory=dict)
    """That of the profile, by source."""

    def find_encoding(self, row: Mapping[str, Any]) -> str:
        """Return the encoding of a row's kept bytes. They are the file's own if they were no UTF-8, else UTF-8."""
        if row["rule"] != TEXT_ENCODING:
            return UTF_8
        return self.encoding or self.encodings.get(row["source"], UTF_8)


@dataclass(frozen=True)
class Release:
    """The result of a release."""

    rows: int
    models: tuple[str, ...]
    still_bad: tuple[StillBad, ...]
    texts: tuple[str, ...] = ()
    """The beginnings of the first texts, so that people see whether they were decoded correctly."""


def list_query(rule: str | None, uri: str | None) -> str:
    """Return a query for the open rows, the newest first; only those of one rule or one file if these are given."""
    filters = "".join(
        f" AND {column} = {quote_sql(value)}"
        for column, value in (("rule", rule), ("uri", uri))
        if value is not None
    )
    return _LIST.format(filters=filters)


def _read_row(warehouse: Path, name: str) -> dict[str, Any]:
    """Return all columns of the row with this name, released or not; raise `UsageError` unless it is exactly one."""
    prefix, number = parse_row_name(name)
    with open_warehouse(warehouse, write=False) as connection:
        result = connection.execute(_SHOW, {"prefix": prefix, "number": number})
        columns = [column[0] for column in result.description or []]
        rows = result.fetchall()
    if len(rows) != 1:
        raise UsageError(
            f"{name}: {len(rows)} rows have this name. Next: choose a name that `reviews quarantine list` shows."
        )
    return dict(zip(columns, rows[0], strict=True))


def describe_row(home: Home, name: str) -> Iterator[str]:
    """Yield lines with every field of the row with this name, then its bytes as text."""
    row = _read_row(home.warehouse, name)
    raw = row.pop("raw")
    for column, value in row.items():
        if value is not None:
            shown = value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
            yield f"{column:<15} {escape_controls(shown)}"
    yield "raw             " + ("none" if raw is None else count(len(raw), "byte"))
    if raw is not None:
        yield escape_controls(raw.decode("utf-8", "backslashreplace"), keep="\n")


def release(home: Home, request: ReleaseRequest, say: Callable[[str], None]) -> None:
    """Release the chosen rows that now pass, and say which others stay; raise `ReviewsError` if all stay."""
    require_warehouse(home.warehouse, "`reviews score`, which quarantines bad rows")
    parameters = {"encoding": request.encoding, **request.choice.parameters()}
    with (
        keep_runs_out(home, say),
        record_run(home, str(uuid4()), "release-rows", parameters) as run,
    ):
        encodings = load_catalogue(home).list_encodings()
        done = _release_rows(home, replace(request, encodings=encodings), run.run_id)
        if done.rows:
            refresh_findings(home, run.run_id)
            publish(home)
    for each in done.still_bad:
        say(f"  stays       {each.name} of {escape_controls(each.uri)}: {escape_controls(each.reason)}")
    if done.rows:
        for text in done.texts:
            say(f"  read as     {escape_controls(text)}")
        say(f"Released {count(done.rows, 'row')}, scored with {', '.join(done.models)}")
    elif done.still_bad:
        raise ReviewsError("No row was released: each still breaks a rule.")
    else:
        say("No quarantined row matches. Next: `reviews quarantine list` lists all of them.")


def _release_rows(home: Home, request: ReleaseRequest, run_id: str) -> Release:
    """Check the chosen rows again, score those that pass and mark them as released; the others stay in quarantine.

    If one of the models may not score, nothing is released.
    """
    if request.encoding is not None and find_encoding(request.encoding) is None:
        raise UsageError(
            f"--encoding: {request.encoding!r} is not an encoding of texts. Next: name one, such as latin-1 or cp1252."
        )
    require_known_rule(request.choice.rule)
    chosen, models = _read_chosen(home.warehouse, request.choice)
    still_bad, good = check_again(chosen, request.limits, request.find_encoding)
    if not len(good):
        return Release(0, (), tuple(still_bad))
    by_model = _group_by_model(good, models)
    scored = [_score_now(home, model_id, run_id, rows) for model_id, rows in by_model.items()]
    unknown, good, scored = _split_off_unknown_rows(good, scored)
    still_bad += unknown
    if not len(good):
        return Release(0, (), tuple(still_bad))
    _commit_release(home.warehouse, good, scored, request.released_by)
    texts = tuple(text[:SHOWN_CHARACTERS] for text in good["text"].slice(0, SHOWN_TEXTS).to_pylist())
    return Release(len(good), tuple(by_model), tuple(still_bad), texts)


def require_known_rule(rule: str | None) -> None:
    """Raise `UsageError` unless rows can be quarantined by `rule`; checked before any row of the database is chosen."""
    from data_contracts.rules_and_limits import ROW_RULES, SCORING_RULES

    known = [*ROW_RULES, *SCORING_RULES]
    if rule is not None and rule not in known:
        raise UsageError(f"--rule: there is no row rule {rule!r}. Next: name one of {', '.join(known)}.")


def _read_chosen(warehouse: Path, choice: Choice) -> tuple["pa.Table", dict[str, list[str]]]:
    """Return the chosen rows, and the ids of the models that have scored each file, by its sha256."""
    with open_warehouse(warehouse, write=False) as connection:
        chosen: pa.Table = connection.sql(_READ_CHOSEN, params=choice.parameters()).to_arrow_table()
        _require_named_rows(chosen, choice)
        models: dict[str, list[str]] = {}
        sources = sorted(set(chosen["source_sha256"].to_pylist()))
        for source, model_id in connection.execute(_FIND_MODELS, [sources]).fetchall():
            models.setdefault(source, []).append(model_id)
    return chosen, models


def _require_named_rows(chosen: "pa.Table", choice: Choice) -> None:
    """Raise `UsageError` for a name of no chosen row, or of rows of several files."""
    for prefix, number in choice.rows:
        found = {key for key in _list_keys(chosen) if key[0].startswith(prefix) and key[1] == number}
        if len(found) != 1:
            filters = " with the rule and file that you named" if choice.rule or choice.uri else ""
            raise UsageError(
                f"{prefix}:{number}: {len(found) or 'no'} open rows have this name{filters}. Next: `reviews quarantine "
                "list` names the open rows."
            )


def _group_by_model(good: "pa.Table", models: dict[str, list[str]]) -> dict[str, "pa.Table"]:
    """Return, by model id, the rows of the files that the model has scored."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sources: dict[str, list[str]] = {}
    for source in pc.unique(good["source_sha256"]).to_pylist():
        for model_id in models.get(source, []):
            sources.setdefault(model_id, []).append(source)
    return {
        model_id: good.filter(pc.is_in(good["source_sha256"], value_set=pa.array(names, pa.string())))
        for model_id, names in sources.items()
    }


def _score_now(home: Home, model_id: str, run_id: str, rows: "pa.Table") -> "pa.Table":
    """Score the rows that are released with a model that was promoted."""
    from models.bundle.blessed_scorer import load_blessed_scorer
    from tasks.scoring.part_rows import score_rows

    model = find_promoted(home.warehouse, model_id)
    if model is None:
        raise BundleError(f"Model {model_id!r} was never promoted, so it does not score.")
    scorer = load_blessed_scorer(home.bundles / model_id, model.bundle_fingerprint)
    return score_rows(scorer, run_id, rows, datetime.now(UTC))


def _split_off_unknown_rows(
    good: "pa.Table", scored: Sequence["pa.Table"]
) -> tuple[list[StillBad], "pa.Table", list["pa.Table"]]:
    """Split off the rows of whose text no model knows a word; return them, and both inputs without them."""
    import pyarrow as pa

    from data_contracts.rules_and_limits import NO_KNOWN_WORD, SCORING_RULES
    from tasks.scoring.part_rows import mark_rows_without_known_word

    known = {
        key
        for table in scored
        for key, is_unknown in zip(_list_keys(table), mark_rows_without_known_word(table), strict=True)
        if not is_unknown
    }
    reason = f"still breaks {NO_KNOWN_WORD}: {SCORING_RULES[NO_KNOWN_WORD]}"
    unknown = [position for position, key in enumerate(_list_keys(good)) if key not in known]
    passed = [
        table.filter(pa.array([key in known for key in _list_keys(table)], pa.bool_()))
        for table in (good, *scored)
    ]
    return list_still_bad(good, dict.fromkeys(unknown, reason)), passed[0], passed[1:]


def _list_keys(rows: "pa.Table") -> list[tuple[str, int]]:
    """Return the key of each row: the sha256 of its file, and its row number."""
    return list(zip(rows["source_sha256"].to_pylist(), rows["row_number"].to_pylist(), strict=True))


def _commit_release(
    warehouse: Path, good: "pa.Table", scored: Sequence["pa.Table"], released_by: str
) -> None:
    """Insert the texts and scores and mark the rows as released, in one transaction."""
    import pyarrow as pa

    from data_contracts.scored_reviews import SCORED_SCHEMA
    from tasks.scoring.part_rows import make_source_rows

    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.register("released_texts", make_source_rows(good))
        connection.register("released_rows", good.select(["source_sha256", "row_number", "encoding"]))
        connection.register("released_scores", pa.concat_tables([SCORED_SCHEMA.empty_table(), *scored]))
        # A row that was released twice would be stored twice.
        if connection.execute(_COUNT_OPEN).fetchall() != [(len(good),)]:
            raise UsageError(
                "Another command has released or forgotten some of these rows in the meantime. Next: list them again."
            )
        connection.execute(f"INSERT INTO scored_reviews BY NAME FROM {_SCORES}")
        add_texts(connection, "released_texts", "released_texts", "released_scores")
        renew_sums(connection, "released_texts")
        connection.execute(_MARK_RELEASED, {"by": released_by}).fetchall()
        connection.execute(
            "CREATE TEMP TABLE accepted AS SELECT * FROM scored_files "
            "SEMI JOIN released_texts USING (source_sha256) WHERE status = 'scored'"
        )
        require_accounted(connection, "accepted", warehouse, NEXT_STEP)
