"""Generates docs/tables.md: every table and view with its grain and columns, from the DDL and its comments.

Names and types are read from a database that the DDL has created; the meanings are the comments in the DDL. A view's
column without a comment has the meaning of the column from which it is taken.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import duckdb

from data_contracts.warehouse import list_migrations, read_views
from docs.markdown import escape_cell
from tasks.warehouse.database.migrating import bring_up_to_date

RELATIONS = (
    ("inbox_files", "}o--o{", "scored_files", "source_sha256"),
    ("scored_files", "}|--o{", "source_reviews", "source_sha256"),
    ("scored_files", "}|--o{", "quarantined_rows", "source_sha256"),
    ("scored_files", "}|--o{", "forgotten_rows", "source_sha256"),
    ("source_reviews", "||--|{", "scored_reviews", "source_sha256, row_number"),
    ("scored_reviews", "||--o|", "flipped_scores", "source_sha256, row_number, model_id"),
    ("scored_files", "||--o{", "score_sums", "source_sha256, model_id"),
    ("models", "||--o{", "scored_reviews", "model_id"),
    ("models", "||--o{", "scored_files", "model_id"),
    ("models", "||--o{", "promotions", "model_id"),
    ("models", "||--o{", "gate_checks", "model_id"),
    ("promotions", "||--o{", "promises", "number"),
    ("models", "||--o{", "reference_measures", "model_id"),
    ("reference_measures", "||--|{", "reference_bins", "model_id, measure"),
    ("source_days", "||--o{", "findings", "source"),
    ("models", "||--o{", "source_measures", "model_id"),
    ("source_measures", "||--o{", "run_measures", "model_id, source, measure"),
    ("models", "||--o{", "shadows", "model_id"),
    ("shadows", "}|--o{", "shadow_files", "model_id"),
    ("shadow_files", "||--o{", "shadow_scores", "source_sha256, model_id"),
    ("shadow_files", "||--o{", "shadow_sums", "source_sha256, model_id"),
    ("source_reviews", "||--o{", "shadow_scores", "source_sha256, row_number"),
    ("review_labels", "|o--o{", "source_reviews", "text_sha256"),
    ("label_files", "|o--o{", "review_labels", "uri"),
    ("runs", "||--o{", "scored_reviews", "run_id"),
    ("runs", "||--o{", "run_measures", "run_id"),
    ("runs", "||--o{", "contract_results", "run_id"),
    ("runs", "||--o{", "gate_checks", "run_id"),
)
"""Which columns join two tables, with their cardinality in Mermaid's notation; the database has no foreign keys."""

INTERNAL = {
    *("schema_migrations", "inbox_files", "label_files", "source_alerts", "forgotten_rows"),
    *("contract_results", "counted_scores", "review_labels"),
    *("reference_measures", "reference_bins", "source_measures", "run_measures", "promises"),
    *("flipped_scores", "score_sums", "repeated_keys"),
    *("shadows", "shadow_files", "shadow_scores", "shadow_sums", "shadow_comparison"),
}
"""What makes answers fast or runs safe and people ask by views, or what is deprecated: the page has the grain alone."""

FOR_THE_PROGRAM = (
    "One row each per what is said. Named queries ask them, such as `reviews sql champion-promise`; the comments "
    "in the SQL describe their columns. `source_alerts` is deprecated: `findings` has these and all others."
)

FIRST = ("latest_scores", "movie_ratings")
"""The views that people ask most."""

SOURCES_OF_MEANING = ("latest_scores", "source_reviews", "scored_reviews")
"""Where to look for the meaning of a view's column without a comment, in this order."""

_CREATE_TABLE = re.compile(r"CREATE TABLE (\w+) \(")
_CREATE_VIEW = re.compile(r"CREATE OR REPLACE VIEW (\w+) AS")
_ADD_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN \"?(\w+)\"? [^;]*;(?:\s*-- (.*))?")
_TABLE_COLUMN = re.compile(r"    \"?([a-z]\w*)\"? [^-]*?(?:\s*-- (.*))?")
_VIEW_COLUMN = re.compile(r".*?\"?(\w+)\"?,?\s*(?:-- (.*))?")
_COLUMNS = """
SELECT table_name, column_name, replace(data_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ'), NOT is_nullable
FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index
"""
_KEYS = """
SELECT table_name, unnest(constraint_column_names) FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'
"""


@dataclass(frozen=True)
class Column:
    """One column as the page shows it."""

    name: str
    type: str
    is_required: bool
    is_key: bool
    meaning: str


@dataclass(frozen=True)
class Relation:
    """A table or view; `grain` describes what one row is."""

    name: str
    is_view: bool
    grain: str
    columns: tuple[Column, ...]


@dataclass
class _Comments:
    """The comments in the DDL of one table or view: its grain, and the meaning of each column."""

    is_view: bool
    grain: str
    columns: dict[str, str] = field(default_factory=dict)


def read_relations() -> tuple[Relation, ...]:
    """Return the tables, then the views, each in the order of the DDL."""
    comments = _read_comments()
    meanings: dict[str, str] = {}
    for name in reversed(SOURCES_OF_MEANING):
        meanings |= {column: meaning for column, meaning in comments[name].columns.items() if meaning}
    with duckdb.connect() as connection:
        bring_up_to_date(connection, list_migrations(), read_views())
        keys = set(connection.execute(_KEYS).fetchall())
        rows = connection.execute(_COLUMNS).fetchall()
    # A later migration may have dropped a table.
    present = {table for table, *_ in rows}
    return tuple(
        Relation(
            name,
            comment.is_view,
            comment.grain,
            tuple(
                Column(
                    column, kind, required, (name, column) in keys, _find_meaning(comment, column, meanings)
                )
                for table, column, kind, required in rows
                if table == name
            ),
        )
        for name, comment in comments.items()
        if name in present
    )


def _find_meaning(comment: _Comments, column: str, meanings: Mapping[str, str]) -> str:
    return comment.columns.get(column) or (meanings.get(column, "") if comment.is_view else "")


def _read_comments() -> dict[str, _Comments]:
    """Return the comments of all DDL files by table or view; columns added by later migrations come last."""
    comments: dict[str, _Comments] = {}
    for sql in (*(migration.sql for migration in list_migrations()), read_views()):
        above: list[str] = []
        lines = iter(sql.splitlines())
        for line in lines:
            if made := _CREATE_TABLE.match(line):
                comments[made[1]] = _Comments(False, " ".join(above), dict(_read_table(lines)))
            elif made := _CREATE_VIEW.match(line):
                comments[made[1]] = _Comments(True, " ".join(above), dict(_read_view(lines)))
            elif added := _ADD_COLUMN.match(line):
                comments[added[1]].columns[added[2]] = " ".join([*above, *filter(None, [added[3]])])
            above = [*above, line[3:]] if line.startswith("-- ") else []
    return comments


def _read_table(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield each column of a table with its comment, until the end of the table's DDL."""
    for line in lines:
        if line.startswith(")"):
            return
        if found := _TABLE_COLUMN.fullmatch(line):
            yield found[1], found[2] or ""


def _read_view(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield each commented column of a view's outer SELECT, until the end of the view's DDL."""
    is_outer = False
    for line in lines:
        if not line.startswith((" ", "--")):
            is_outer = line.startswith("SELECT")
        elif is_outer and (found := _VIEW_COLUMN.fullmatch(line)) and found[2]:
            yield found[1], found[2]
        if line.split("--")[0].rstrip().endswith(";"):
            return


def make_page() -> str:
    """Return the page: a diagram of the tables, a section for each view and table, and a list of the internal ones."""
    relations = [each for each in read_relations() if each.name not in INTERNAL]
    first = [each for name in FIRST for each in relations if each.name == name]
    views = [*first, *(each for each in relations if each.is_view and each.name not in FIRST)]
    tables = [each for each in relations if not each.is_view]
    said: set[tuple[str, str]] = set()
    described = [_describe(each, said) for each in (*views, *tables)]
    internal = [
        f"- `{each.name}`: {_shorten(each.grain)}" for each in read_relations() if each.name in INTERNAL
    ]
    parts = [
        _draw(),
        *("## Views", *described[: len(views)]),
        *("## Tables", *described[len(views) :]),
        *("## For the program", FOR_THE_PROGRAM, "\n".join(internal)),
    ]
    return "\n\n".join(parts)


def _draw() -> str:
    """Draw a Mermaid diagram of the tables that people ask, with the columns that join them."""
    lines = [
        f'    {left} {ends} {right} : "{by}"'
        for left, ends, right, by in RELATIONS
        if not INTERNAL & {left, right}
    ]
    return "\n".join(["```mermaid", "erDiagram", *lines, "```"])


def _describe(relation: Relation, said: set[tuple[str, str]]) -> str:
    """Describe a relation, and add to `said` what it says of its columns: that is not said again.

    Columns of one type and meaning stand together.
    """
    grouped: dict[tuple[str, str], list[str]] = {}
    for each in relation.columns:
        if (each.name, each.meaning) in said:
            key = ("", "as above")
        elif each.meaning.startswith("as in ") and ";" not in each.meaning:
            key = ("", each.meaning)
        else:
            key = (f" {_describe_type(relation, each)}", each.meaning)
        grouped.setdefault(key, []).append(f"`{each.name}`")
    said |= {(each.name, each.meaning) for each in relation.columns}
    lines = [f"- {', '.join(names)}{kind}: {escape_cell(words)}" for (kind, words), names in grouped.items()]
    return f"### {relation.name}\n\n{escape_cell(relation.grain)}\n\n" + "\n".join(lines)


def _describe_type(relation: Relation, column: Column) -> str:
    """Return the type, with `?` where a column of a table may be null."""
    return column.type + ("" if relation.is_view or column.is_required or column.is_key else "?")


def _shorten(grain: str) -> str:
    """Return what a row is, from a grain: its first sentence without its first words."""
    return escape_cell(grain.removeprefix("One row per ").partition(". ")[0].removesuffix("."))
