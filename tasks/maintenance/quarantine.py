"""Rows that were set aside: which there are, and their release once a rule, a setting or a model was mended.

A released row is checked anew, scored by every model that has scored its file, and marked with who released it
and when; all of it in one transaction, so that for each file and model the rows read stay the rows scored plus
those still set aside. Needs ONNX Runtime, by the scorer, for a release alone.
"""

import codecs
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from data_contracts.errors import UsageError
from data_contracts.limits import RowLimits
from tasks.warehouse.accounting import require_accounted
from tasks.warehouse.connection import begin_transaction, open_warehouse, quote_sql
from tasks.warehouse.row_names import HAS_PARSED_NAME, ROW_NAME, name_row, parse_row_name

if TYPE_CHECKING:
    import pyarrow as pa

    from models.bundle.scorer import Scorer

SHOWN_TEXTS, SHOWN_CHARACTERS = 3, 60
NEXT_STEP = (
    "No row was released. Next: `reviews verify` names what is broken; restore a backup from before it."
)
NO_TEXTS = ("unicode_escape", "raw_unicode_escape", "utf_7", "idna", "punycode", "undefined")
"""Encodings of Python's that are no encodings of texts in files, or that read any bytes as something."""

_PICK = """
released_at IS NULL
AND ($rule IS NULL OR rule = $rule)
AND ($uri IS NULL OR uri = $uri)
AND (NOT $named OR EXISTS (
    SELECT 1 FROM (SELECT unnest($prefixes::VARCHAR[]) AS prefix, unnest($numbers::BIGINT[]) AS number)
    WHERE starts_with(source_sha256, prefix) AND row_number = number
))
"""
_READ_PICKED = f"""
SELECT
    source_sha256, row_number, uri, member, review_id, movie_id, reviewed_at, given_label, given_rating,
    extra::VARCHAR AS extra, raw, rule, detail, coalesce(raw_is_text, false) AS raw_is_text
FROM quarantined_rows WHERE {_PICK} ORDER BY uri, row_number
"""  # noqa: S608
_FIND_MODELS = """
SELECT source_sha256, model_id FROM scored_files
WHERE status = 'scored' AND source_sha256 IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL
"""
_MARK_RELEASED = """
UPDATE quarantined_rows SET released_at = now(), released_by = ?
FROM released_texts AS released
WHERE quarantined_rows.source_sha256 = released.source_sha256
AND quarantined_rows.row_number = released.row_number AND released_at IS NULL
"""


_LIST = f"""
SELECT {ROW_NAME} AS "row", uri, member, rule, detail, quarantined_at
FROM quarantined_rows WHERE released_at IS NULL {{narrowed}} ORDER BY quarantined_at DESC, uri, row_number
"""  # noqa: S608
_SHOW = f"SELECT * REPLACE (extra::VARCHAR AS extra) FROM quarantined_rows WHERE {HAS_PARSED_NAME}"  # noqa: S608


@dataclass(frozen=True)
class Choice:
    """Which open rows are meant: those named, of one rule, of one file; all of them where nothing is given."""

    rows: tuple[tuple[str, int], ...] = ()
    """(the first digits of the file's sha256, row number)."""
    rule: str | None = None
    uri: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Give the values that the queries here take."""
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
    run_id: str
    released_by: str
    limits: RowLimits
    encoding: str = "utf-8"
    """By which the bytes of a text that broke its file's encoding are read."""


@dataclass(frozen=True)
class StillBad:
    """A row that stays where it is, and why."""

    name: str
    uri: str
    reason: str


@dataclass(frozen=True)
class Release:
    """What a release did."""

    rows: int
    models: tuple[str, ...]
    still_bad: tuple[StillBad, ...]
    texts: tuple[str, ...] = ()
    """How the first of the texts begin, so that people see whether they were read right."""


def list_query(rule: str | None, uri: str | None) -> str:
    """Give the query for the rows that are set aside, the newest first, of one rule and one file where named."""
    narrowed = "".join(
        f" AND {column} = {quote_sql(value)}"
        for column, value in (("rule", rule), ("uri", uri))
        if value is not None
    )
    return _LIST.format(narrowed=narrowed)


def read_row(warehouse: Path, name: str) -> dict[str, Any]:
    """Give all columns of the one row of this name, released or not; raises `UsageError` where there is none."""
    prefix, number = parse_row_name(name)
    with open_warehouse(warehouse, write=False) as connection:
        result = connection.execute(_SHOW, {"prefix": prefix, "number": number})
        columns = [column[0] for column in result.description or []]
        rows = result.fetchall()
    if len(rows) != 1:
        raise UsageError(f"{name}: {len(rows)} rows of this name. Next: `reviews quarantine list`.")
    return dict(zip(columns, rows[0], strict=True))


def release_rows(warehouse: Path, request: ReleaseRequest, load: Callable[[str], "Scorer"]) -> Release:
    """Check the chosen rows anew, score those that pass and mark them; the others stay, with the reason.

    `load` gives the scorer of a model id and raises where it may not score: then nothing is released.
    """
    _require_text_encoding(request.encoding)
    _require_known_rule(request.choice.rule)
    picked, models = _read(warehouse, request.choice)
    still_bad, good = _judge(picked, request.limits, request.encoding)
    if not len(good):
        return Release(0, (), tuple(still_bad))
    by_model = _group_by_model(good, models)
    scored = [_score(load(model_id), request.run_id, rows) for model_id, rows in by_model.items()]
    unknown, good, scored = _part_unknown(good, scored)
    still_bad += unknown
    if not len(good):
        return Release(0, (), tuple(still_bad))
    _commit(warehouse, good, scored, request.released_by)
    texts = tuple(text[:SHOWN_CHARACTERS] for text in good["text"].slice(0, SHOWN_TEXTS).to_pylist())
    return Release(len(good), tuple(by_model), tuple(still_bad), texts)


def _require_text_encoding(encoding: str) -> None:
    """Refuse what Python knows no encoding of texts by."""
    try:
        is_one = codecs.lookup(encoding).name.replace("-", "_") not in NO_TEXTS
        with suppress(UnicodeDecodeError):
            b"a".decode(encoding)
    except LookupError:
        is_one = False
    if not is_one:
        raise UsageError(f"--encoding: {encoding!r} is not an encoding. Next: such as latin-1 or cp1252.")


def _require_known_rule(rule: str | None) -> None:
    from data_contracts.review_files import ROW_RULES, SCORING_RULES

    known = [*ROW_RULES, *SCORING_RULES]
    if rule is not None and rule not in known:
        raise UsageError(f"--rule: there is no row rule {rule!r}. Next: one of {', '.join(known)}.")


def _read(warehouse: Path, choice: Choice) -> tuple["pa.Table", dict[str, list[str]]]:
    """Read the chosen rows, and which models have scored their files."""
    with open_warehouse(warehouse, write=False) as connection:
        picked: pa.Table = connection.sql(_READ_PICKED, params=choice.parameters()).to_arrow_table()
        _require_found(picked, choice)
        models: dict[str, list[str]] = {}
        sources = sorted(set(picked["source_sha256"].to_pylist()))
        for source, model_id in connection.execute(_FIND_MODELS, [sources]).fetchall():
            models.setdefault(source, []).append(model_id)
    return picked, models


def _require_found(picked: "pa.Table", choice: Choice) -> None:
    """Refuse names that fit no open row, or rows of several files."""
    for prefix, number in choice.rows:
        fitting = {
            source
            for source, row in zip(
                picked["source_sha256"].to_pylist(), picked["row_number"].to_pylist(), strict=True
            )
            if source.startswith(prefix) and row == number
        }
        if len(fitting) != 1:
            asked = (
                " and breaks the rule or is of the file that you named" if choice.rule or choice.uri else ""
            )
            what = (
                f"no open row has this name{asked}"
                if not fitting
                else f"rows of {len(fitting)} files have this name"
            )
            raise UsageError(
                f"{prefix}:{number}: {what}. Next: `reviews quarantine list` names those that are open."
            )


def _judge(picked: "pa.Table", limits: RowLimits, encoding: str) -> tuple[list[StillBad], "pa.Table"]:
    """Split the rows into those that still break a rule, with the reason, and those that pass, with their texts."""
    import pyarrow as pa

    from data_contracts.review_files import READ_SCHEMA, check_rows, measure_rows
    from models.tokenizer import find_worded

    reasons: dict[int, str] = {}
    texts: list[str | None] = []
    for position, row in enumerate(picked.select(["raw", "rule", "detail", "raw_is_text"]).to_pylist()):
        text, reason = _decode(row, encoding)
        texts.append(text)
        if reason:
            reasons[position] = reason
    unjudged = {
        "text": texts,
        "rule": pa.nulls(len(picked), pa.string()),
        "detail": pa.nulls(len(picked), pa.string()),
    }
    carried = {name: picked[name] for name in READ_SCHEMA.names if name not in unjudged}
    rows = pa.table({**carried, **unjudged}).select(READ_SCHEMA.names).cast(_without_required(READ_SCHEMA))
    rows = rows.append_column("source_sha256", picked["source_sha256"]).append_column("uri", picked["uri"])
    if len(rows):
        _, broken = check_rows(measure_rows(rows, find_worded(rows["text"])), limits)
        for position, (rule, detail) in broken.items():
            reasons.setdefault(position, f"still breaks {rule}: {detail}")
    still_bad = [
        StillBad(
            name_row(picked["source_sha256"][position].as_py(), picked["row_number"][position].as_py()),
            picked["uri"][position].as_py() or "",
            reason,
        )
        for position, reason in sorted(reasons.items())
    ]
    return still_bad, rows.take(pa.array([p for p in range(len(rows)) if p not in reasons], pa.int64()))


def _without_required(schema: "pa.Schema") -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([field.with_nullable(True) for field in schema])


def _decode(row: dict[str, Any], encoding: str) -> tuple[str | None, str | None]:
    """Give a row's text, or why there is none to score."""
    if row["raw"] is None or not row["raw_is_text"]:
        return None, f"its text was not kept whole ({row['rule']}): mend its file and put that into the inbox"
    try:
        raw: bytes = row["raw"]
        return raw.decode(encoding), None
    except UnicodeDecodeError as error:
        return None, f"byte {error.start + 1:,} is not valid {encoding}: name its encoding with --encoding"


def _group_by_model(good: "pa.Table", models: dict[str, list[str]]) -> dict[str, "pa.Table"]:
    """Give to each model the rows of the files that it has scored."""
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


def _score(scorer: "Scorer", run_id: str, rows: "pa.Table") -> "pa.Table":
    from datetime import UTC, datetime

    from tasks.scoring.rows import score_rows

    return score_rows(scorer, run_id, rows, datetime.now(UTC))


def _part_unknown(
    good: "pa.Table", scored: Sequence["pa.Table"]
) -> tuple[list[StillBad], "pa.Table", list["pa.Table"]]:
    """Take out the rows of whose text none of the models knows a word; the others stay in their order."""
    import pyarrow as pa

    from data_contracts.review_files import NO_KNOWN_WORD, SCORING_RULES
    from tasks.scoring.rows import knows_no_word

    known = {
        key
        for table in scored
        for key, unknown in zip(_list_keys(table), knows_no_word(table), strict=True)
        if not unknown
    }
    reason = f"still breaks {NO_KNOWN_WORD}: {SCORING_RULES[NO_KNOWN_WORD]}"
    still_bad = [
        StillBad(name_row(*key), uri or "", reason)
        for key, uri in zip(_list_keys(good), good["uri"].to_pylist(), strict=True)
        if key not in known
    ]
    passed = [
        table.filter(pa.array([key in known for key in _list_keys(table)], pa.bool_()))
        for table in (good, *scored)
    ]
    return still_bad, passed[0], passed[1:]


def _list_keys(rows: "pa.Table") -> list[tuple[str, int]]:
    """Give the key of each row: the sha256 of its file, and its number there."""
    return list(zip(rows["source_sha256"].to_pylist(), rows["row_number"].to_pylist(), strict=True))


def _commit(warehouse: Path, good: "pa.Table", scored: Sequence["pa.Table"], released_by: str) -> None:
    """Enter the texts and scores and mark the rows, all in one transaction."""
    import pyarrow as pa

    from data_contracts.scored_reviews import SCORED_SCHEMA
    from tasks.scoring.rows import make_source_rows

    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.register("released_texts", make_source_rows(good))
        connection.register("released_scores", pa.concat_tables([SCORED_SCHEMA.empty_table(), *scored]))
        _require_open(connection, len(good))
        connection.execute("INSERT INTO source_reviews BY NAME FROM released_texts")
        connection.execute("INSERT INTO scored_reviews BY NAME FROM released_scores")
        connection.execute(_MARK_RELEASED, [released_by]).fetchall()
        connection.execute(
            "CREATE TEMP TABLE accepted AS SELECT * FROM scored_files "
            "SEMI JOIN released_texts USING (source_sha256) WHERE status = 'scored'"
        )
        require_accounted(connection, "accepted", warehouse, NEXT_STEP)


def _require_open(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Refuse to go on where another release was faster: the rows would be there twice."""
    query = (
        "SELECT count(*) FROM quarantined_rows SEMI JOIN released_texts USING (source_sha256, row_number) "
        "WHERE released_at IS NULL"
    )
    if connection.execute(query).fetchall() != [(rows,)]:
        raise UsageError(
            "Another command has released or forgotten some of these rows meanwhile. Next: list them again."
        )
