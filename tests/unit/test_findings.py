"""Tests of findings: what is gathered from the tables, what state each has, and how it is shown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.delivery.delivering import note_broken
from tasks.findings.finding import ERROR, NOTE, Finding
from tasks.findings.gathering import gather_at_end, gather_from_tables, name_killed
from tasks.findings.recorded import Noted, Row, accept_finding, note_findings, tell_untold
from tasks.findings.rendering import MOST_OF_A_KIND, list_lines, list_told, show_on_page
from tasks.store.upload_trouble import note_trouble
from tasks.warehouse.publishing import needs_publishing, publish
from tasks.warehouse.run_log import Run, start_run
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.report_homes import NEXT_RUN
from tests.support.sent_files import send_files
from tests.support.sites import list_challenger
from tests.support.small_home import ask
from tests.support.warehouse_parts import PartFile, hash_text

LATE = Finding(
    "late_source", "shop", "shop: the last files came 3 days ago", "reviews sql sources", source="shop"
)
UNUSED = Finding("unused_columns", "shop", "a.csv: not used: 'id'", "`reviews sources init`", NOTE, "shop")
REFUSED = Finding("refused_file", "a.csv", "a.csv was refused: csv_broken", "reviews sql rejected-files")


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    """Empty tables."""
    with fill_tables() as filled:
        yield filled


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an inbox, to which the tables belong."""
    (tmp_path / "inbox").mkdir()
    made = Home(tmp_path)
    made.warehouse.touch()
    return made


def find(tables: FilledTables, home: Home) -> dict[str, str]:
    """Return the next steps of what the tables say, by the subjects."""
    found = [*gather_from_tables(tables.connection, home), *gather_at_end(tables.connection, home)]
    return {each.subject: each.next for each in found}


def test_refused_files_and_quarantined_rows_are_found_with_the_command_that_mends_them(
    tables: FilledTables, home: Home
) -> None:
    files = [PartFile("a b.csv", status="refused"), PartFile("good.csv", [{"score": 0.9}], bad_rows=[2, 3])]
    tables.run(files)
    (home.inbox / "a b.csv").touch()
    tables.change("UPDATE quarantined_rows SET raw_is_text = row_number = 2")
    assert find(tables, home) == {
        "a b.csv": f"reviews score '{home.inbox}/a b.csv'",
        "text_encoding": "reviews quarantine release --rule text_encoding --encoding cp1252",
    }


@pytest.mark.parametrize("change", ["released_at = quarantined_at", "rule = 'text_not_given'"])
def test_rows_that_were_released_or_came_without_a_text_are_no_finding(
    tables: FilledTables, home: Home, change: str
) -> None:
    tables.run([PartFile("good.csv", [{"score": 0.9}], bad_rows=[2])])
    tables.change(f"UPDATE quarantined_rows SET {change}")
    assert find(tables, home) == {}


def test_a_refused_file_that_was_corrected_under_its_name_is_none_any_more(
    tables: FilledTables, home: Home
) -> None:
    (home.inbox / "a.csv").touch()
    tables.run([PartFile("before", status="refused", ledger={"uri": "a.csv"})])
    assert [*find(tables, home)] == ["a.csv"]
    tables.run([PartFile("a.csv", [{"text": "corrected"}])], NEXT_RUN)
    assert find(tables, home) == {}
    again = "44444444-4444-4444-8444-444444444444"
    tables.run([PartFile("after", status="refused", ledger={"uri": "a.csv"})], again)
    assert [*find(tables, home)] == ["a.csv"]


def test_a_refused_file_is_a_finding_for_as_long_as_it_is_there(tables: FilledTables, home: Home) -> None:
    tables.run([PartFile(name, status="refused") for name in ("a.csv", "b.csv")])
    paths = [home.inbox / name for name in ("a.csv", "b.csv")]
    for path in paths:
        path.touch()
    assert [*find(tables, home)] == ["a.csv", "b.csv"]
    paths[0].unlink()
    assert find(tables, home) == {"b.csv": f"reviews score {paths[1]}"}
    paths[1].unlink()
    assert find(tables, home) == {}


def test_a_refused_file_under_whose_name_lies_another_content_is_not_there_any_more(
    tables: FilledTables, home: Home
) -> None:
    tables.run([PartFile("a.csv", status="refused")])
    (home.inbox / "a.csv").touch()
    tables.change(
        "INSERT INTO inbox_files (uri, size, mtime_ns, source_sha256, first_seen, last_seen) "
        f"VALUES ('a.csv', 0, 0, '{hash_text('other content')}', now(), now())"
    )
    assert find(tables, home) == {}


def test_refused_files_in_a_store_or_an_inbox_that_is_not_mounted_are_found_since_they_may_be_there(
    tables: FilledTables, home: Home
) -> None:
    stored = "s3://bucket/inbox/b.csv"
    tables.run([PartFile("a.csv", status="refused"), PartFile("b", status="refused", ledger={"uri": stored})])
    home.inbox.rmdir()
    assert [*find(tables, home)] == ["a.csv", stored]


def test_a_killed_training_is_run_again_with_the_parameters_that_it_had(tmp_path: Path) -> None:
    home = Home(tmp_path)
    asked = {"variant": "lstm", "seed": 3, "epochs": None, "promote": "never", "with_own": True}
    start_run(home.warehouse, "killed", "train-model", asked, None)
    run = Run(home, "now", "score-reviews", (("killed", "train-model", "2026-01-01T10:00:00"),))
    [found] = name_killed(run, lambda run_id: False)
    assert found.next == "reviews train --variant lstm --seed 3 --promote never --with-own"


def test_each_reason_for_a_training_is_found_until_one_with_own_labels_has_followed(
    tables: FilledTables, home: Home
) -> None:
    tables.run()
    tables.promote()
    times = "now() AS first_seen, now() AS last_seen"
    tables.change(
        "INSERT INTO findings BY NAME SELECT 1 AS number, 'training_due' AS kind, 'model-a (accuracy)' AS subject, "
        f"'warning' AS level, 'it fell' AS what, 'reviews train' AS next, 'open' AS state, {times}"
    )
    assert find(tables, home) == {"model-a (accuracy)": "reviews train"}
    tables.run(run_id=NEXT_RUN, flow="train-model")
    tables.change(
        f"""UPDATE runs SET parameters = '{{"with_own": true}}', started_at = now() WHERE run_id = '{NEXT_RUN}'"""
    )
    assert find(tables, home) == {}


def test_destinations_and_a_copy_that_fail_and_a_shadow_in_trouble_are_found_with_the_reason(
    tables: FilledTables, home: Home
) -> None:
    tables.run()
    tables.promote()
    tables.change(*list_challenger("other", "its bundle is gone"))
    home.destinations.mkdir()
    for name in ("down", "well"):
        (home.destinations / f"{name}.toml").touch()
    note_broken(home, "down", "<b>the disk is full. Next: free space")
    note_trouble(home, "s3://ours", "the store is away.")
    assert find(tables, home) == {
        "down": "reviews destinations deliver down",
        "s3://ours/snapshots": "reviews score",
        "other": "reviews models shadow stop",
    }
    reasons = ("the store is away.", "<b>the disk is full. Next: free space", "its bundle is gone")
    for found, reason in zip(gather_at_end(tables.connection, home), reasons, strict=True):
        assert reason in found.what


def test_a_late_source_is_found_unless_its_profile_accepts_that(tables: FilledTables, home: Home) -> None:
    for day in range(8, 30):
        send_files(tables.connection, "shop", datetime.now(UTC) - timedelta(day), rows=10)
    assert find(tables, home) == {"shop": "reviews sql sources"}
    home.sources.mkdir()
    (home.sources / "shop.toml").write_text('[columns]\ntext = "text"\n[severity]\ndeliveries = "accept"\n')
    assert find(tables, home) == {}


def note(
    warehouse: Path, *found: Finding, covers: Callable[[Row], bool] = lambda row: True, run: str = "run-1"
) -> Noted:
    return note_findings(warehouse, found, covers, run)


def read(warehouse: Path) -> list[tuple[str, str]]:
    return ask(warehouse, "SELECT subject, state FROM findings ORDER BY number")


def test_what_still_holds_stays_open_and_what_no_longer_holds_is_settled(warehouse: Path) -> None:
    assert note(warehouse, LATE, REFUSED).opened == (REFUSED, LATE)
    again = note(warehouse, LATE, run="run-2")
    assert (again.opened, again.seen) == ((), (LATE,))
    assert read(warehouse) == [("shop", "open"), ("a.csv", "settled")]
    assert ask(warehouse, "SELECT first_run, last_run FROM findings WHERE subject = 'shop'") == [
        ("run-1", "run-2")
    ]


def test_a_settled_finding_that_is_found_again_keeps_its_number_and_no_other_gets_it(warehouse: Path) -> None:
    note(warehouse, LATE, REFUSED)
    note(warehouse, LATE, run="run-2")
    note(warehouse, LATE, UNUSED, run="run-3")
    note(warehouse, LATE, UNUSED, REFUSED, run="run-4")
    numbered = dict(ask(warehouse, "SELECT kind, number FROM findings"))
    assert sorted(numbered.values()) == [1, 2, 3]
    assert numbered["unused_columns"] == 3


def test_a_run_that_changes_no_finding_writes_and_publishes_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note(home.warehouse, LATE)
    publish(home)
    before = home.warehouse.stat().st_mtime_ns
    assert not note(home.warehouse, LATE, run="run-2").is_changed
    assert (home.warehouse.stat().st_mtime_ns, needs_publishing(home)) == (before, False)
    note(home.warehouse, run="run-3")
    assert needs_publishing(home)


def test_what_a_run_did_not_look_for_stays_open(warehouse: Path) -> None:
    note(warehouse, UNUSED)
    note(warehouse, covers=lambda row: row["source"] == "other")
    assert read(warehouse) == [("shop", "open")]
    note(warehouse, covers=lambda row: row["source"] == "shop")
    assert read(warehouse) == [("shop", "settled")]


def test_what_was_accepted_stays_so_until_its_level_changes(warehouse: Path) -> None:
    note(warehouse, LATE)
    accept_finding(warehouse, ["late_source", "shop"], "closed in winter")
    later = replace(LATE, what="shop: the last files came 9 days ago")
    assert note(warehouse, later).seen == ()
    recorded = "SELECT state, reason, contains(accepted_by, '@') FROM findings"
    assert ask(warehouse, recorded) == [("accepted", "closed in winter", True)]
    assert note(warehouse, replace(later, level=ERROR)).opened == (replace(later, level=ERROR),)


def test_only_an_open_finding_can_be_accepted(warehouse: Path) -> None:
    note(warehouse, LATE)
    assert accept_finding(warehouse, ["1"], "right so") == LATE
    for named in (["1"], ["2"], ["x"], ["late_source", "other"]):
        with pytest.raises(UsageError, match="reviews findings"):
            accept_finding(warehouse, named, "right so")


def tell(warehouse: Path, *, arrives: bool = True) -> list[str]:
    """Return the subjects of what a webhook is told."""
    told: list[str] = []

    def send(found: Sequence[Finding]) -> bool:
        told.extend(each.subject for each in found)
        return arrives

    tell_untold(warehouse, send)
    return told


def test_what_lasts_is_told_once_and_what_the_webhook_did_not_get_is_told_again(warehouse: Path) -> None:
    note(warehouse, LATE, UNUSED)
    assert tell(warehouse, arrives=False) == tell(warehouse) == ["shop"]
    note(warehouse, LATE, UNUSED)
    assert tell(warehouse) == []


def test_another_event_of_a_subject_is_told_again(warehouse: Path) -> None:
    note(warehouse, REFUSED)
    tell(warehouse)
    note(warehouse, replace(REFUSED, what="a.csv was refused: no_columns"))
    assert tell(warehouse) == ["a.csv"]


def test_many_of_a_kind_are_told_by_the_first_ones_and_the_number_of_the_others() -> None:
    many = [replace(REFUSED, subject=f"{number}.csv") for number in range(9)]
    lines = list(list_told(many))
    assert len(lines) == MOST_OF_A_KIND + 1
    assert lines[-1].startswith("And 6 more, such as 3.csv")


def test_a_hostile_name_is_shown_as_text(tmp_path: Path) -> None:
    hostile = replace(REFUSED, subject="a\x1b[2J.csv", what="a\x1b[2J.csv was refused")
    [line] = list_lines([hostile])
    [told] = list_told([hostile])
    [shown] = show_on_page([hostile], tmp_path)
    assert all(text.isprintable() for text in (line, told, shown.title, shown.words))
