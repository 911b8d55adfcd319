"""Tests of destinations: their files, and deliveries to a folder of Parquet files, each row in one file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_contracts.errors import DestinationError, UsageError
from data_contracts.storage.home import Home
from tasks.delivery import folders
from tasks.delivery.addresses import name_variable, read_urls
from tasks.delivery.columns import Layout
from tasks.delivery.delivering import deliver, deliver_forgotten, find_waiting, inspect, is_due
from tasks.delivery.destinations import Destination, format_destination, load_destinations, parse_destination
from tasks.delivery.results import Delivered
from tasks.warehouse.publishing import publish
from tests.support.databases import open_copy
from tests.support.deliveries import ALL, CURRENT, OF_FOLDERS, ROW, change, make_history, select_wanted
from tests.support.histories import History

WANTED = select_wanted("source_sha256, row_number, model_id, score")


class KilledError(Exception):
    """Ends a delivery as a kill would: nothing of what follows in the program is done."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"))


@pytest.fixture
def history(made: History, tmp_path: Path) -> History:
    (tmp_path / "home").mkdir()
    return made.copy(tmp_path / "home")


@pytest.fixture
def home(history: History) -> Home:
    home = Home(history.folder)
    home.destinations.mkdir()
    publish(home)
    return home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def make(folder: Path, layout: Layout = ALL) -> Destination:
    return Destination("lake", "parquet", layout, str(folder))


def read(folder: Path) -> list[tuple[Any, ...]]:
    """Return the rows of all files, as an engine that knows no ledger reads them."""
    if not list(folder.glob("**/*.parquet")):
        return []
    columns = "source_sha256, row_number, model_id, score"
    return duckdb.execute(
        f"SELECT {columns} FROM read_parquet('{folder}/**/*.parquet') ORDER BY ALL"
    ).fetchall()


def expect(home: Home, rows: str) -> list[tuple[Any, ...]]:
    with open_copy(home.published) as connection:
        return connection.execute(WANTED[rows]).fetchall()


# Deliveries to a folder


@pytest.mark.slow
@pytest.mark.parametrize("layout", [ALL, CURRENT], ids=lambda layout: layout.rows)
def test_a_store_gets_the_same_files_as_a_disk(
    home: Home, history: History, folder: Path, layout: Layout
) -> None:
    folder.mkdir()
    destination = replace(make(folder, layout), place=f"file://{folder}")
    deliver(home, destination)
    change(history, ("forget", 0))
    assert inspect(home, destination).files_lacking == 1
    deliver(home, destination)
    assert read(folder) == expect(home, layout.rows)
    assert deliver(home, destination) == Delivered()
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".parquet", ".json"}


@pytest.mark.slow
def test_every_change_of_the_home_is_delivered(home: Home, history: History, tmp_path: Path) -> None:
    steps: list[tuple[str, Any]] = [
        ("add", [[{**ROW, "review_id": "r4"}]]),
        ("rescore", (0, "model-b")),
        ("promote", "model-b"),
        ("forget", 1),
        ("release", (0, {**ROW, "review_id": "r5"})),
        ("read again", (1, [ROW])),
        ("export", [[ROW]]),
    ]
    for step in steps:
        change(history, step)
        for layout in (ALL, CURRENT):
            destination = replace(make(tmp_path / layout.rows, layout), name=layout.rows)
            waiting = len(find_waiting(home, destination))
            assert deliver(home, destination).files == waiting, step
            assert read(tmp_path / layout.rows) == expect(home, layout.rows), step
            assert deliver(home, destination) == Delivered()


@pytest.mark.slow
def test_new_rows_join_a_small_file_and_begin_another_after_a_large_one(
    home: Home, history: History, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, make(folder))
    change(history, ("add", [[{**ROW, "review_id": "r4"}]]))
    deliver(home, make(folder))
    assert [path.name for path in folder.rglob("*.parquet")] == ["reviews-000001.parquet"]
    monkeypatch.setattr(folders, "SMALL_ROWS", 2)
    change(history, ("add", [[{**ROW, "review_id": "r5"}]]))
    assert deliver(home, make(folder)).rows == 1
    assert sorted(path.name for path in folder.rglob("*.parquet"))[1:] == ["reviews-000002.parquet"]
    assert read(folder) == expect(home, "all")


def kill_at(point: str) -> Callable[[str], None]:
    def kill(name: str) -> None:
        if name == point:
            raise KilledError

    return kill


@pytest.mark.slow
def test_a_killed_delivery_of_scores_that_are_taken_back_is_completed_by_the_next(
    home: Home, history: History, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file in place has the scores of the other model, the ledger those that count again."""
    deliver(home, make(folder, CURRENT))
    history.apply(("rescore", (0, "model-b")))
    history.apply(("rescore", (1, "model-b")))
    change(history, ("promote", "model-b"))
    with monkeypatch.context() as patch:
        patch.setattr(folders, "pass_fault_point", kill_at(OF_FOLDERS[1]))
        with pytest.raises(DestinationError):
            deliver(home, make(folder, CURRENT))
    assert read(folder) == expect(home, "current")
    change(history, ("roll back", None))
    deliver(home, make(folder, CURRENT))
    assert read(folder) == expect(home, "current")


@pytest.mark.slow
def test_a_delivery_of_all_that_was_killed_is_due_and_the_next_delivery_goes_on_with_it(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, make(folder))
    with monkeypatch.context() as patch:
        patch.setattr(folders, "pass_fault_point", kill_at(OF_FOLDERS[0]))
        with pytest.raises(DestinationError):
            deliver(home, make(folder), repeats=True)
    assert is_due(home, make(folder))
    assert deliver(home, make(folder)).files == 2


@pytest.mark.parametrize("layout", [ALL, CURRENT], ids=lambda layout: layout.rows)
def test_a_destination_of_csv_gets_each_row_once_and_no_formula(
    home: Home, history: History, folder: Path, layout: Layout
) -> None:
    destination = replace(make(folder, layout), kind="csv")
    deliver(home, destination)
    change(history, ("add", [[{**ROW, "review_id": "=1+1"}]]))
    deliver(home, destination)
    rows = duckdb.execute(
        f"SELECT review_id FROM read_csv('{folder}/**/*.csv', all_varchar = true)"
    ).fetchall()
    assert (len(rows), "'=1+1" in {name for (name,) in rows}) == (len(expect(home, layout.rows)), True)


def test_a_file_that_somebody_deleted_is_delivered_again(home: Home, folder: Path) -> None:
    deliver(home, make(folder))
    next(folder.rglob("*.parquet")).unlink()
    deliver(home, make(folder))
    assert read(folder) == expect(home, "all")


def test_a_folder_with_files_of_somebody_else_is_refused(home: Home, folder: Path) -> None:
    folder.mkdir()
    (folder / "latest_scores.parquet").write_bytes(b"theirs")
    with pytest.raises(DestinationError, match="it is not known who made it"):
        deliver(home, make(folder, CURRENT))
    assert (folder / "latest_scores.parquet").read_bytes() == b"theirs"


@pytest.mark.slow
def test_another_home_is_refused_until_it_takes_over(home: Home, folder: Path) -> None:
    deliver(home, make(folder))
    home.id_file.write_text("another")
    with pytest.raises(DestinationError, match="another home delivers"):
        deliver(home, make(folder))
    deliver(home, make(folder), repeats=True, takes_over=True)
    assert deliver(home, make(folder)) == Delivered()


@pytest.mark.slow
def test_texts_leave_a_destination_that_asks_for_them_no_more(home: Home, folder: Path) -> None:
    def list_columns() -> set[str]:
        query = f"DESCRIBE FROM read_parquet('{folder}/**/*.parquet')"
        return {name for name, *_ in duckdb.execute(query).fetchall()}

    deliver(home, make(folder, replace(ALL, texts=True)))
    assert "text" in list_columns()
    deliver(home, make(folder))
    assert not {"text", "extra"} & list_columns()


# How a delivery went


def test_a_destination_is_due_where_rows_have_changed_that_were_published(
    home: Home, history: History, folder: Path
) -> None:
    destination = make(folder)
    assert is_due(home, destination)
    deliver(home, destination)
    publish(home)
    assert not is_due(home, destination)
    change(history, ("release", (0, ROW)))
    assert is_due(home, destination)


@pytest.mark.slow
def test_an_earlier_place_of_a_destination_is_named_when_rows_are_forgotten(home: Home, folder: Path) -> None:
    deliver(home, make(folder))
    write(home, f'kind = "parquet"\nfolder = "{folder}-two"\n', "lake")
    [said] = deliver_forgotten(home, {})
    assert said.startswith(f"lake: {folder} got rows before another place was named")
    assert deliver_forgotten(home, {}) == [said]


# The files of destinations


def write(home: Home, content: str, name: str = "bi") -> Path:
    home.destinations.mkdir(parents=True, exist_ok=True)
    path = home.destinations / f"{name}.toml"
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('kind = "mysql"\ntable = "t"', "kind"),
        ('kind = "postgres"', "needs the key table"),
        ('kind = "postgres"\ntable = "a; drop table b"', "small letters"),
        ('kind = "parquet"\nfolder = "s3://user:secret@bucket/x"', "a plain URI"),
        (
            'kind = "postgres"\ntable = "t"\nurl = "postgresql://me:secret@h/d"',
            "url: Extra inputs are not permitted",
        ),
        ("kind = ", "can't be read"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason_and_without_a_secret(
    tmp_path: Path, content: str, said: str
) -> None:
    path = write(Home(tmp_path), content)
    with pytest.raises(UsageError, match=said) as refused:
        parse_destination(path)
    assert "secret" not in str(refused.value)


def test_a_wrong_file_stops_only_its_own_destination(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write(home, "kind = 1", "broken")
    write(home, 'kind = "postgres"\ntable = "scores"')
    found = load_destinations(home, {"bi": "postgresql://h/d"})
    assert [(each.place, each.url) for each in found.known] == [("public.scores", "postgresql://h/d")]
    assert list(found.broken) == ["broken"]
    with pytest.raises(UsageError, match="there are: bi, broken"):
        found.find("other")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_of_the_home_itself_is_no_destination(tmp_path: Path, scheme: str) -> None:
    home = Home(tmp_path / "home")
    for name in ("inbox/loop", "bundles", "reviews"):
        write(home, f'kind = "parquet"\nfolder = "{scheme}{home.folder}/{name}"', name.replace("/", "-"))
    found = load_destinations(home, {})
    assert found.known == ()
    assert all("must not be changed" in each for each in found.broken.values())


def test_two_destinations_of_one_folder_are_one_too_many(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    write(home, f'kind = "parquet"\nfolder = "{tmp_path}/lake"', "lake")
    write(home, f'kind = "parquet"\nfolder = "{tmp_path}/link"\ntexts = true', "twin")
    found = load_destinations(home, {})
    assert [each.name for each in found.known] == ["lake"]
    assert "delivers to the place of lake" in found.broken["twin"]


def test_what_a_command_writes_is_read_back(tmp_path: Path) -> None:
    content = {"kind": "parquet", "folder": '/a "b" \\c', "rows": "all", "texts": True, "extra": False}
    found = parse_destination(write(Home(tmp_path), format_destination(content)))
    assert (found.place, found.layout) == ('/a "b" \\c', Layout("all", texts=True))


def test_the_address_of_a_database_is_in_the_variable_of_its_destination() -> None:
    assert name_variable("bi-team") == "REVIEWS_DESTINATION_BI_TEAM_URL"
    assert read_urls({"REVIEWS_DESTINATION_BI_TEAM_URL": " x ", "REVIEWS_STORE": "y"}) == {"bi-team": "x"}
    assert "secret" not in repr(Destination("bi", "postgres", ALL, "public.t", "secret"))
