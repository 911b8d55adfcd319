"""Files that are known are not read again, and contents that were scored or refused are not scored again."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.commit import commit_parts
from tasks.inbox import FoundFile, SourceFile
from tasks.ledger import find_unseen_sources, read_known_hashes, record_seen
from tasks.warehouse import open_warehouse
from tests.unit.warehouse_parts import PartFile, hash_text, write_part


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return tmp_path / "home" / "reviews.duckdb"


def make_source(uri: str, content: str | None = None) -> SourceFile:
    return SourceFile(uri, Path("/inbox") / uri, 10, 20, hash_text(content or uri))


def find(source: SourceFile) -> FoundFile:
    return FoundFile(source.uri, source.path, source.size, source.mtime_ns)


def test_a_file_seen_before_is_known_by_name_size_and_time(warehouse: Path) -> None:
    source = make_source("a.csv")
    record_seen(warehouse, [source])
    same = find(source)
    assert read_known_hashes(warehouse, [same]) == {"a.csv": source.source_sha256}
    for changed in (replace(same, uri="b.csv"), replace(same, size=11), replace(same, mtime_ns=21)):
        assert read_known_hashes(warehouse, [changed]) == {}


def test_a_file_that_changed_is_known_by_what_it_is_now(warehouse: Path) -> None:
    record_seen(warehouse, [make_source("a.csv")])
    changed = replace(make_source("a.csv", "new content"), size=30)
    record_seen(warehouse, [changed])
    assert read_known_hashes(warehouse, [find(changed)]) == {"a.csv": hash_text("new content")}
    with open_warehouse(warehouse, write=False) as connection:
        query = "SELECT count(*), any_value(first_seen < last_seen) FROM inbox_files"
        assert connection.execute(query).fetchall() == [(1, True)]


def test_names_may_hold_anything(warehouse: Path) -> None:
    source = make_source('it\'s "odd"/ümlaut\n; drop table models.csv')
    record_seen(warehouse, [source])
    assert read_known_hashes(warehouse, [find(source)]) == {source.uri: source.source_sha256}


def test_thousands_of_files_are_one_quick_question(warehouse: Path) -> None:
    sources = [make_source(f"{number}.csv") for number in range(10_000)]
    record_seen(warehouse, sources)
    record_seen(warehouse, sources)
    assert len(read_known_hashes(warehouse, [find(source) for source in sources])) == 10_000
    assert find_unseen_sources(warehouse, sources) == sources


def test_no_files_are_no_question(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    record_seen(warehouse, [])
    assert read_known_hashes(warehouse, []) == {}
    assert find_unseen_sources(warehouse, []) == []
    assert not warehouse.exists()


def test_a_scored_or_refused_content_is_not_new_under_any_name(warehouse: Path, tmp_path: Path) -> None:
    files = [PartFile("scored.csv", [{}]), PartFile("refused.csv", status="refused")]
    commit_parts(warehouse, write_part(tmp_path / "part", files))
    copies = [make_source("copy-1.csv", "scored.csv"), make_source("copy-2.csv", "refused.csv")]
    new = make_source("new.csv")
    assert find_unseen_sources(warehouse, [*copies, new]) == [new]
    assert find_unseen_sources(warehouse, [*copies, new], retry_refused=True) == [copies[1], new]


def test_of_copies_the_first_is_given(warehouse: Path) -> None:
    copies = [make_source("a.csv", "same"), make_source("other.csv"), make_source("b.csv", "same")]
    assert find_unseen_sources(warehouse, copies) == copies[:2]
