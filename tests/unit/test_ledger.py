"""Tests that known files are not read again, and that scored or refused contents are not scored again."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.inbox.source_files import FoundFile, SourceFile
from tasks.scoring.known_files import pick_new
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.file_ledger import look_up, read_seen_files, record_seen
from tests.support.warehouse_parts import PartFile, hash_text, write_part


def make_source(uri: str, content: str | None = None) -> SourceFile:
    return SourceFile(uri, Path("/inbox") / uri, 10, 20, hash_text(content or uri))


def find(source: SourceFile) -> FoundFile:
    return FoundFile(source.uri, source.path, source.size, source.mtime_ns)


def is_known(warehouse: Path, source: SourceFile) -> bool:
    """Return whether the content of the file is known without reading it."""
    sighting = read_seen_files(warehouse, [find(source)]).get(source.uri)
    return sighting is not None and sighting.is_unchanged


def test_a_file_seen_before_is_known_by_name_size_and_time(warehouse: Path) -> None:
    source = make_source("a.csv")
    record_seen(warehouse, [source])
    assert read_seen_files(warehouse, [find(source)])["a.csv"].source_sha256 == source.source_sha256
    assert is_known(warehouse, source)
    for changed in (replace(source, uri="b.csv"), replace(source, size=11), replace(source, mtime_ns=21)):
        assert not is_known(warehouse, changed)


@pytest.mark.parametrize("year", [1600, 1970, 2300, 2446])
def test_a_file_of_any_year_is_known_by_its_time(warehouse: Path, year: int) -> None:
    source = replace(make_source("a.csv"), mtime_ns=(year - 1970) * 31_556_952 * 10**9)
    record_seen(warehouse, [source])
    assert is_known(warehouse, source)
    for changed in (1, -1, 2**63, -(2**63)):
        assert not is_known(warehouse, replace(source, mtime_ns=source.mtime_ns + changed))


def test_a_file_that_changed_is_known_by_what_it_is_now(warehouse: Path) -> None:
    record_seen(warehouse, [make_source("a.csv")])
    changed = replace(make_source("a.csv", "new content"), size=30)
    record_seen(warehouse, [changed])
    assert read_seen_files(warehouse, [find(changed)])["a.csv"].source_sha256 == hash_text("new content")
    with open_warehouse(warehouse, write=False) as connection:
        query = "SELECT count(*), any_value(first_seen < last_seen) FROM inbox_files"
        assert connection.execute(query).fetchall() == [(1, True)]


def test_a_sighting_is_renewed_after_an_hour_only(warehouse: Path) -> None:
    source = make_source("a.csv")
    record_seen(warehouse, [source])
    assert not read_seen_files(warehouse, [find(source)])["a.csv"].is_stale
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("UPDATE inbox_files SET last_seen = last_seen - INTERVAL 61 MINUTES").fetchall()
    assert read_seen_files(warehouse, [find(source)])["a.csv"].is_stale


@pytest.mark.slow
def test_thousands_of_files_are_one_quick_question(warehouse: Path) -> None:
    sources = [make_source(f"{number}.csv") for number in range(10_000)]
    record_seen(warehouse, sources)
    record_seen(warehouse, sources)
    assert len(read_seen_files(warehouse, [find(source) for source in sources])) == 10_000
    assert look_up(warehouse, [source.source_sha256 for source in sources]).statuses == {}


def test_a_warehouse_that_is_not_there_knows_nothing_and_is_not_made(warehouse: Path) -> None:
    source = make_source("a.csv")
    record_seen(warehouse, [])
    assert read_seen_files(warehouse, [find(source)]) == {}
    assert look_up(warehouse, [source.source_sha256]).statuses == {}
    assert not warehouse.exists()


def test_a_content_has_its_status_under_every_name(warehouse: Path, tmp_path: Path) -> None:
    files = [PartFile("scored.csv", [{}]), PartFile("refused.csv", status="refused")]
    commit_parts(warehouse, write_part(tmp_path / "part", files))
    copies = [make_source("copy-1.csv", "scored.csv"), make_source("copy-2.csv", "refused.csv")]
    record_seen(warehouse, copies)
    found = read_seen_files(warehouse, [find(copy) for copy in copies])
    assert {uri: sighting.status for uri, sighting in found.items()} == {
        "copy-1.csv": "scored",
        "copy-2.csv": "refused",
    }
    asked = [*(copy.source_sha256 for copy in copies), hash_text("new.csv")]
    assert sorted(look_up(warehouse, asked).statuses.values()) == ["refused", "scored"]


@pytest.mark.slow
def test_one_model_that_scored_a_content_outweighs_refusals(warehouse: Path, tmp_path: Path) -> None:
    commit_parts(warehouse, write_part(tmp_path / "a", [PartFile("f.csv", [{}])], "model-z"))
    refused = write_part(tmp_path / "b", [PartFile("f.csv", status="refused")], "model-a")
    commit_parts(warehouse, refused)
    assert look_up(warehouse, [hash_text("f.csv")]).statuses == {hash_text("f.csv"): "scored"}


def test_a_scored_or_refused_content_is_not_new() -> None:
    scored, refused, new = (make_source(name) for name in ("scored.csv", "refused.csv", "new.csv"))
    statuses = {scored: "scored", refused: "refused", new: None}
    assert pick_new([scored, refused, new], statuses) == [new]
    tried = pick_new([scored, refused, new], statuses, retry_refused=True)
    assert [(file, file.was_refused) for file in tried] == [(refused, True), (new, False)]


def test_of_copies_the_first_is_given() -> None:
    copies = [make_source("a.csv", "same"), make_source("other.csv"), make_source("b.csv", "same")]
    assert pick_new(copies, {}) == copies[:2]
