"""Tests of object stores with a real S3 server, and with a proxy before it that does what bad networks do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.errors import ObjectChangedError, SourceError, StoreError, StoreUnreachableError
from data_contracts.storage.home import Home
from tasks.delivery.delivering import ExportRequest, export
from tasks.inbox.source_files import SourceFile
from tasks.snapshots.after_runs import find_faults, snapshot_after_run
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.snapshots.reading import fetch_copy
from tasks.store import connecting, object_operations
from tasks.store.connecting import Store, open_store
from tasks.store.inbox_objects import fetch_arrivals, find_arrivals
from tasks.warehouse.file_ledger import record_seen
from tests.support.bad_proxy import CUT_BYTES, Trouble, run_bad_proxy
from tests.support.exported_homes import add
from tests.support.scoring_runs import CSV, run
from tests.support.serverless import run_without_server
from tests.support.small_home import ask, copy_scoring_home
from tests.support.stores import S3Server, find_free_ports, run_s3_server

pytestmark = pytest.mark.process

LARGE = bytes(range(256)) * 40_000


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with run_s3_server() as running:
        yield running


@pytest.fixture
def store(server: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Store:
    """A store in a bucket of this module's, with a prefix of the test's own."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    made = open_store(f"s3://reviews/{request.node.name}")
    object_operations.put(made, "exists", b"")
    return made


@pytest.fixture
def proxy(server: S3Server, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, Trouble]]:
    """The same store through a bad proxy, and what this does."""
    with run_bad_proxy(server.port) as (port, trouble):
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{port}")
        yield open_store(store.uri), trouble


def test_the_inbox_of_a_bucket_is_scored_as_the_files_of_a_home_are(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copy_scoring_home(Home(tmp_path / "home"))
    monkeypatch.setenv("REVIEWS_HOME", str(home.folder))
    monkeypatch.setenv("REVIEWS_STORE", store.uri)
    monkeypatch.setenv("REVIEWS_REPORTS", "false")
    object_operations.put(store, "inbox/shop a/ä%20#.csv", CSV.encode())
    object_operations.put(store, "inbox/b.csv", b"text\nanother good film\n")
    with run_without_server():
        assert (run().rows_scored, run().rows_scored) == (3, 0)
    assert ask(home.published, "select uri, source from scored_files order by uri") == [
        (f"{store.uri}/inbox/b.csv", "default"),
        (f"{store.uri}/inbox/shop a/ä%20#.csv", "shop a"),
    ]


def test_another_content_of_the_same_size_is_noticed_within_the_same_second(
    store: Store, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    object_operations.put(store, "inbox/a.csv", b"text\ngood film\n")
    [copy] = fetch_arrivals(store.uri, find_arrivals(home, store.uri, (), None).unread, lambda size: None)
    assert isinstance(copy, SourceFile)
    record_seen(home.warehouse, [copy])
    assert find_arrivals(home, store.uri, (), None).seen[copy.uri].is_unchanged
    object_operations.put(store, "inbox/a.csv", b"text\nevil film\n")
    assert not find_arrivals(home, store.uri, (), None).seen[copy.uri].is_unchanged


def test_exports_and_backups_go_to_a_bucket_and_backups_come_back(store: Store, tmp_path: Path) -> None:
    home, other = Home(tmp_path / "home"), Home(tmp_path / "other")
    add(home, "a.csv", [{}, {}])
    for rows in (2, 0):
        assert export(home, f"{store.uri}/scores", ExportRequest(only_new=True))[1].rows == rows
    said: list[str] = []
    back_up_home(home, f"{store.uri}/backups", said.append)
    restore_home(other, f"{store.uri}/backups", said.append)
    assert ask(other.published, "select count(*) from scored_reviews") == [(2,)]
    kinds = {each.key.split("/")[0] for each in object_operations.list_objects(store, "")}
    assert kinds == {"exists", "scores", "backups"}


def test_the_snapshots_of_a_home_are_read_elsewhere_and_another_home_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, reader, other = (Home(tmp_path / name) for name in ("home", "reader", "other"))
    add(other, "a.csv", [{}])
    for number in range(3):
        add(home, f"{number}.csv", [{}])
        snapshot_after_run(home, store.uri, 2)
        fetch_copy(reader, store.uri)
        assert reader.published.read_bytes() == home.published.read_bytes()
    assert find_faults(home, store.uri) == []
    names = [each.key for each in object_operations.list_level(store, "snapshots/")[0]]
    assert sorted(names) == [f"snapshots/{name}.json" for name in ("000002", "000003", "home")]
    with pytest.raises(SourceError, match="another home writes there"):
        snapshot_after_run(other, store.uri, 2)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-one")
    assert "access is refused" in str(fetch_copy(reader, store.uri).trouble)
    for act in (
        lambda: snapshot_after_run(home, store.uri, 2),
        lambda: fetch_copy(Home(tmp_path / "new"), store.uri),
    ):
        with pytest.raises(StoreError, match=r"access is refused .*AWS_SECRET_ACCESS_KEY"):
            act()


def test_a_manifest_whose_answer_was_lost_counts_as_written_and_chunks_that_are_cut_off_are_read_again(
    proxy: tuple[Store, Trouble], tmp_path: Path
) -> None:
    store, trouble = proxy
    home, reader = Home(tmp_path / "home"), Home(tmp_path / "reader")
    for number in range(2):
        add(home, f"{number}.csv", [{}])
        trouble.drop = 1
        snapshot_after_run(home, store.uri, 7)
        assert trouble.drop == 0
    trouble.cut = 3
    fetch_copy(reader, store.uri)
    assert trouble.cut == 0
    assert reader.published.read_bytes() == home.published.read_bytes()


def test_a_large_object_is_written_and_fetched_whole(store: Store, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    object_operations.put(store, "large", tmp_path / "large")
    object_operations.fetch(store, object_operations.find_object(store, "large"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == LARGE


def test_a_bucket_knows_a_changed_object_and_the_first_of_two_writers(store: Store, tmp_path: Path) -> None:
    assert object_operations.put_if_absent(store, "manifest", b"first")
    found = object_operations.find_object(store, "manifest")
    assert not object_operations.put_if_absent(store, "manifest", b"later")
    object_operations.put(store, "manifest", b"other")
    with pytest.raises(ObjectChangedError):
        object_operations.fetch(store, found, tmp_path / "copy")


def test_reads_that_are_cut_off_go_on_where_they_were(proxy: tuple[Store, Trouble], tmp_path: Path) -> None:
    store, trouble = proxy
    object_operations.put(store, "large", LARGE[: 10 * CUT_BYTES])
    trouble.cut = 5
    object_operations.fetch(store, object_operations.find_object(store, "large"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == LARGE[: 10 * CUT_BYTES]
    assert f"GET bytes={5 * CUT_BYTES}-{10 * CUT_BYTES - 1}" in trouble.asked


def test_reads_that_fall_silent_go_on_where_they_were(
    proxy: tuple[Store, Trouble], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "SILENT_SECONDS", 0.4)
    store, trouble = open_store(proxy[0].uri), proxy[1]
    object_operations.put(store, "large", LARGE[: 4 * CUT_BYTES])
    trouble.hush = 2
    object_operations.fetch(store, object_operations.find_object(store, "large"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == LARGE[: 4 * CUT_BYTES]
    assert trouble.hush == 0


def test_who_creates_an_object_of_which_the_answer_is_lost_knows_that_they_were_first(
    proxy: tuple[Store, Trouble],
) -> None:
    store, trouble = proxy
    trouble.drop = 1
    assert object_operations.put_if_absent(store, "claim", b"ours")
    assert trouble.drop == 0
    assert not object_operations.put_if_absent(store, "claim", b"theirs")


def test_a_throttled_store_is_asked_again_and_if_it_stays_so_a_trouble_that_may_pass(
    proxy: tuple[Store, Trouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, trouble = proxy
    trouble.refuse = 2
    assert [each.key for each in object_operations.list_objects(store, "")] == ["exists"]
    monkeypatch.setattr(connecting, "MOST_RETRIES", 1)
    trouble.refuse = 100
    with pytest.raises(StoreUnreachableError, match="503"):
        object_operations.read(open_store(store.uri), "exists")


def test_wrong_keys_are_named_with_what_to_check(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-one")
    with pytest.raises(StoreError, match=r"access is refused .*AWS_SECRET_ACCESS_KEY") as raised:
        object_operations.put(open_store(store.uri), "new", b"")
    assert "a-wrong-one" not in str(raised.value)


def test_a_bucket_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match=r"s3://nowhere/x/inbox: there is no such bucket"):
        list(object_operations.list_objects(open_store("s3://nowhere/x"), "inbox"))


def test_a_server_that_is_down_is_a_trouble_that_may_pass(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "MOST_RETRIES", 1)
    [port] = find_free_ports(1)
    monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(StoreUnreachableError, match="Next"):
        list(object_operations.list_objects(open_store(store.uri), "inbox"))
