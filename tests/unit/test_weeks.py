"""Tests of the pages of weeks: which are due, and what they show."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.pages.sections import Answers, Part, Rows
from tasks.report.week import make_plain, read_week, write_week
from tasks.report.weeks import Week, find_last_week, is_week_due, parse_week, require_begun
from tasks.report.writing import drop_older_reports, drop_reports_of_forgotten
from tasks.warehouse.run_log import Run, record_checks
from tests.support.failures import make_failure
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.parsed_pages import Page
from tests.support.report_homes import HOSTILE, NEXT_RUN, RUN, change, make_run, promote
from tests.support.warehouse_parts import PartFile, hash_text
from tests.support.weeks import (
    OF_THE_FIRST_WEEK,
    OF_THE_SECOND_WEEK,
    SET_MOMENTS,
    WEDNESDAY,
    WEEK,
    make_week_home,
)


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    """What a home of two weeks has."""
    with fill_tables() as filled:
        filled.run(OF_THE_FIRST_WEEK)
        filled.promote()
        filled.run(OF_THE_SECOND_WEEK, NEXT_RUN)
        filled.change(*SET_MOMENTS)
        filled.settle()
        yield filled


def read(tables: FilledTables, week: Week = WEEK) -> list[Part]:
    parts = read_week(Answers(tables.ask, {"week": week.name}))
    tables.drop_temporary()
    return parts


def find(parts: list[Part], title: str) -> Rows:
    [found] = [part.rows for part in parts if part.section.title == title]
    return found


@pytest.mark.slow
def test_the_facts_of_a_week_are_of_what_came_in_it(tables: FilledTables) -> None:
    tables.record([make_failure(boundary="drift", columns="score", source="shop")], NEXT_RUN)
    tables.change(f"UPDATE contract_results SET checked_at = '{WEDNESDAY}'")
    parts = read(tables)
    [figures] = find(parts, "In figures")
    names = ("rows", "rows_the_week_before", "files", "files_refused", "reviews")
    assert tuple(figures[name] for name in names) == (4, 5, 1, 1, 4)
    assert [row["movie_id"] for row in find(parts, "Movies that moved")] == ["tt1"]
    wrong = [row["text"] for row in find(parts, "What the model got wrong")]
    assert wrong == ["surely wrong", "hardly wrong"]
    assert [row["source"] for row in find(parts, "What drifted")] == ["shop"]
    [figures] = find(read(tables, WEEK.add(-1)), "In figures")
    assert (figures["reviews"], figures["rows"], figures["rows_the_week_before"]) == (5, 5, 0)


@pytest.mark.slow
def test_the_rows_that_came_in_and_are_no_reviews_are_counted_by_what_became_of_them(
    tables: FilledTables,
) -> None:
    new = f"WHERE source_sha256 = '{hash_text('new.csv')}'"
    tables.change(
        "INSERT INTO quarantined_rows BY NAME SELECT source_sha256, row_number, uri, 'text_blank' AS rule, "
        f"'{WEDNESDAY}'::TIMESTAMPTZ AS quarantined_at "
        "FROM source_reviews JOIN scored_files USING (source_sha256) WHERE text = 'not judged'",
        f"DELETE FROM scored_reviews WHERE row_number = 4 AND run_id = '{NEXT_RUN}'",
        "INSERT INTO forgotten_rows "
        f"SELECT '{hash_text('new.csv')}', 1, false, NULL, 'ann', now(), NULL, NULL, NULL, true",
        *(f"DELETE FROM {table} {new} AND row_number = 1" for table in ("source_reviews", "scored_reviews")),
    )
    tables.run([PartFile("export.csv", [{"text": "of an export"}] * 2)], "an export")
    tables.change(
        f"UPDATE scored_files SET committed_at = '{WEDNESDAY}', superseded_at = '{WEDNESDAY}' WHERE uri = 'export.csv'"
    )
    tables.settle()
    [figures] = find(read(tables), "In figures")
    rest = {name: figures[f"rows_{name}"] for name in ("quarantined", "replaced", "forgotten")}
    assert (figures["reviews"], rest) == (2, {"quarantined": 1, "replaced": 2, "forgotten": 1})


@pytest.mark.slow
def test_what_the_model_may_have_learnt_from_is_not_told_as_its_mistake(tables: FilledTables) -> None:
    tables.change("UPDATE models SET own_labels_until = (SELECT max(file_seen_at) FROM source_reviews)")
    parts = read(tables)
    came = find(parts, "What came in")[0]
    assert (came["judged"], came["learnt"], find(parts, "What the model got wrong")) == (0, 3, [])


@pytest.mark.slow
def test_hostile_names_and_texts_are_text_on_the_page_and_plain_in_the_sentences(tmp_path: Path) -> None:
    nasty = HOSTILE["html"] + HOSTILE["bidi"] + "<!channel> @all http://a.test/ *x* `y`"
    rows: list[dict[str, Any]] = [
        {"movie_id": nasty, "text": text + str(number), "score": 0.9, "given_rating": 1.0, "review_id": nasty}
        for number, text in enumerate(HOSTILE.values())
    ]
    make_run(tmp_path, [PartFile("old.csv", [{**row, "score": 0.1} for row in rows])])
    promote(tmp_path / "reviews.duckdb")
    home = Home(tmp_path)
    make_run(tmp_path, [PartFile(nasty, rows)], NEXT_RUN)
    week = find_last_week(datetime.now(UTC)).add(1)
    change(
        home.warehouse,
        f"UPDATE scored_files SET committed_at = '{week.start - timedelta(1)}', source = NULL WHERE run_id = '{RUN}'",
        f"UPDATE source_reviews SET file_seen_at = '{week.start - timedelta(1)}' WHERE file_uri = 'old.csv'",
        f"UPDATE promotions SET \"at\" = '{week.start - timedelta(2)}'",
    )
    record_checks(Run(home, NEXT_RUN), [make_failure(boundary="drift", columns="score", source=nasty)])
    change(home.warehouse)
    written = write_week(home, week)
    page = Page(written.path.read_text("utf-8"))
    assert page.open == []
    assert not {"script", "img", "b"} & {tag for tag, _ in page.elements}
    assert HOSTILE["template"] in page.text
    assert "\u202e" not in written.path.read_text("utf-8")
    assert "Drifted: ·b onmouseover·alert(1)" in written.summary
    assert not set("<>@*`[]{}/\\_~|&#\u202e\n") & set(written.summary)


@given(st.text())
def test_a_plain_name_has_nothing_on_which_a_chat_acts(name: str) -> None:
    plain = make_plain(name)
    assert len(plain) <= 61
    assert all(each.isalnum() or each in " .,;'’!?()–-·…" for each in plain)


def test_a_week_that_has_not_begun_has_no_page() -> None:
    this = find_last_week(WEDNESDAY).add(1)
    assert require_begun(this, WEDNESDAY) == this
    with pytest.raises(UsageError, match="has not begun"):
        require_begun(this.add(1), WEDNESDAY)


def test_a_page_of_a_week_stays_when_old_reports_go_but_not_with_a_forgotten_text(tmp_path: Path) -> None:
    home = make_week_home(tmp_path)
    path = write_week(home, WEEK).path
    assert drop_older_reports(home.reports, 1) == []
    change(
        home.warehouse,
        "INSERT INTO forgotten_rows "
        f"VALUES ('{hash_text('new.csv')}', 2, false, NULL, 'ann', now(), NULL, NULL, NULL, true)",
    )
    assert drop_reports_of_forgotten(home) == [path]


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_name_of_the_calendar_is_that_week(day: date) -> None:
    week = Week(day - timedelta(days=day.weekday()))
    assert parse_week(week.name) == week
    assert find_last_week(week.end) == week
    assert find_last_week(week.end - timedelta(microseconds=1)) == week.add(-1)


@pytest.mark.parametrize("name", ["2026-47", "2026-W54", "9999-W52"])
def test_what_is_no_week_is_wrong_usage(name: str) -> None:
    with pytest.raises(UsageError, match=r"is no week\. Next: name it as in the ISO calendar"):
        parse_week(name)


def test_a_week_is_due_until_its_page_was_written_after_its_end(tmp_path: Path) -> None:
    home, now = Home(tmp_path), WEEK.end + timedelta(days=2)
    home.reports.mkdir()
    page = home.reports / WEEK.page
    assert is_week_due(home, now)
    page.touch()
    assert not is_week_due(home, now)
    os.utime(page, (WEEK.start.timestamp(), WEEK.start.timestamp()))
    assert is_week_due(home, now)
