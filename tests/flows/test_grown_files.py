"""Tests of files that grow: what begins with all bytes of a file that came before takes its place."""

import gzip
from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from flows.scoring_message import describe_scoring
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.warehouse.row_names import ROW_NAME
from tests.support.scoring_runs import count, describe, drop, prove, run
from tests.support.small_home import ask, copy_home, copy_scoring_home
from tests.support.stored_runs import send

FEW = "text\ngood"


def list_rows(source: str) -> list[str]:
    return [f"as {source} says a good film of {number} hours" for number in range(14)]


def write_whole(source: str) -> str:
    return "".join(f"{line}\n" for line in ("text", *list_rows(source)))


def write_cut(source: str) -> str:
    """Return the first twelve rows, the last one of which is cut."""
    whole = write_whole(source)
    return whole[: whole.index(" hours", whole.index("of 11"))]


def zip_pieces(*pieces: str) -> bytes:
    return b"".join(gzip.compress(piece.encode()) for piece in pieces)


REST = write_whole("zipped").removeprefix(write_cut("zipped"))
FIRST: dict[str, str | bytes] = {
    "same/a.csv": write_cut("same"),
    "other/a.csv": write_cut("other"),
    "zipped/a.csv.gz": zip_pieces(write_cut("zipped")),
    "few/a.csv": FEW,
    "few/review.txt": "good",
    "none/a.csv": "text\n",
}
SECOND: dict[str, str | bytes] = {
    "same/a.csv": write_whole("same"),
    "other/b.csv": write_whole("other"),
    "zipped/a.csv.gz": zip_pieces(write_cut("zipped"), REST),
    "few/b.csv": f"{FEW} film\n",
    "few/other.txt": "good film, by another writer",
    "none/b.csv": write_whole("none"),
    "at once/1.csv": write_cut("at once"),
    "at once/2.csv": write_whole("at once"),
    "elsewhere/a.csv": write_whole("same") + "one more good film\n",
}


def list_texts(home: Home, source: str) -> list[str]:
    query = f"select text from latest_scores where source = '{source}'"
    return sorted(text for (text,) in ask(home.published, query))


def fill_grown(home: Home) -> None:
    """Let sources send files, and then others that begin with them."""
    copy_scoring_home(home)
    for files in (FIRST, SECOND):
        for name, content in files.items():
            drop(home, name, content)
        run()


@pytest.fixture
def home(empty_home: Home) -> Home:
    """A home to which sources have sent files, and then others that begin with them."""
    return copy_home(empty_home, "grown", fill_grown)


@pytest.mark.slow
def test_a_file_that_begins_with_one_before_takes_its_place_with_its_cut_row(home: Home) -> None:
    for source in ("same", "other", "zipped", "at once"):
        assert list_texts(home, source) == sorted(list_rows(source))
    prove(home)


@pytest.mark.slow
def test_a_file_takes_no_place_of_a_short_one_of_another_name_of_one_without_rows_or_of_another_source(
    home: Home,
) -> None:
    assert list_texts(home, "few") == ["good", "good film", "good film, by another writer"]
    query = "select count(*) from scored_files where grown_into is not null and uri like '{}/%'"
    assert [ask(home.published, query.format(name)) for name in ("none", "elsewhere")] == [[(0,)]] * 2


@pytest.mark.slow
def test_a_rescan_does_not_bring_back_what_a_file_was_before_it_grew(home: Home) -> None:
    describe(home, '[columns]\ntext = "text"\n', "same")
    assert run(rescan="same").files_scored == 1
    assert list_texts(home, "same") == sorted(list_rows("same"))
    prove(home)


@pytest.mark.slow
def test_the_beginning_that_comes_again_stays_replaced(home: Home) -> None:
    drop(home, "same/a.csv", write_cut("same"))
    assert run().files_scored == 0
    assert list_texts(home, "same") == sorted(list_rows("same"))


def write_first(rows: int) -> str:
    """Return the first rows of a file of a shop."""
    return "".join(f"{line}\n" for line in ("text", *list_rows("shop")[:rows]))


def forget_row(home: Home, text: str) -> None:
    query = f"select {ROW_NAME} from latest_scores where text = '{text}' and source <> 'elsewhere'"
    [(row,)] = ask(home.published, query)
    forget_everywhere(home, ForgetRequest(row, "row", "ann"), lambda said: None)


@pytest.mark.slow
def test_a_forgotten_row_leaves_what_the_file_was_before_and_stays_forgotten_as_it_grows(home: Home) -> None:
    forgotten = list_rows("same")[3]
    back_up_home(home, None, lambda said: None)
    forget_row(home, forgotten)
    texts = f"source_reviews where file_source = 'same' and text = '{forgotten}'"
    assert count(home, texts) == 0
    drop(home, "same/a.csv", write_whole("same") + "yet another good film\n")
    run()
    assert count(home, texts) == 0
    assert len(list_texts(home, "same")) == len(list_rows("same"))
    kept = (home.backups / home.forgotten.name).read_bytes()
    assert {*kept.splitlines()} == {*home.forgotten.read_bytes().splitlines()}
    prove(home)


@pytest.mark.slow
def test_after_a_restore_a_grown_file_still_takes_the_place_of_what_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_SCORED_FILES", "move")
    drop(home, "moved/a.csv", f"{FEW} and mo")
    run()
    backup = back_up_home(home, None, lambda said: None)
    drop(home, "moved/a.csv", f"{FEW} and moved\n")
    run()
    restore_home(home, backup, lambda said: None)
    run()
    assert list_texts(home, "moved") == ["good and moved"]
    prove(home)


def score_one_after_another(home: Home, *contents: str) -> None:
    """Score files that lie at one place, one after another."""
    for content in contents:
        drop(home, "shop/a.csv", content)
        run()


@pytest.mark.slow
def test_a_known_file_that_returns_over_its_own_beginning_takes_the_place_of_that(scoring_home: Home) -> None:
    cut = write_first(12).removesuffix(" hours\n")
    score_one_after_another(scoring_home, write_first(14), cut)
    assert len(list_texts(scoring_home, "shop")) == 15
    drop(scoring_home, "shop/a.csv", write_first(14))
    assert "replaced    1 earlier file of the same source" in describe_scoring(run())
    assert list_texts(scoring_home, "shop") == sorted(list_rows("shop"))
    prove(scoring_home)


@pytest.mark.slow
def test_a_row_that_was_forgotten_in_a_file_goes_from_its_beginning_as_the_file_returns(
    scoring_home: Home,
) -> None:
    score_one_after_another(scoring_home, write_first(14))
    forgotten = list_rows("shop")[2]
    forget_row(scoring_home, forgotten)
    score_one_after_another(scoring_home, write_first(12), write_first(14))
    assert forgotten not in list_texts(scoring_home, "shop")
    for database in (scoring_home.warehouse, scoring_home.published):
        assert forgotten.encode() not in database.read_bytes()
    prove(scoring_home)


@pytest.mark.slow
@pytest.mark.parametrize("forgotten", [3, 13])
def test_a_row_that_was_forgotten_in_a_grown_file_stays_so_as_it_grows_on_after_a_restore(
    scoring_home: Home, forgotten: int
) -> None:
    score_one_after_another(scoring_home, write_first(12))
    backup = back_up_home(scoring_home, None, lambda said: None)
    score_one_after_another(scoring_home, write_first(13))
    forget_row(scoring_home, list_rows("shop")[forgotten - 1])
    restore_home(scoring_home, backup, lambda said: None)
    score_one_after_another(scoring_home, write_first(14))
    kept = [text for number, text in enumerate(list_rows("shop"), 1) if number != forgotten]
    assert list_texts(scoring_home, "shop") == sorted(kept)
    prove(scoring_home)


@pytest.mark.slow
def test_a_beginning_that_was_scored_before_its_file_loses_what_was_forgotten_in_that_before_a_restore(
    scoring_home: Home,
) -> None:
    backup = back_up_home(scoring_home, None, lambda said: None)
    score_one_after_another(scoring_home, write_first(14))
    forgotten = list_rows("shop")[2]
    forget_row(scoring_home, forgotten)
    restore_home(scoring_home, backup, lambda said: None)
    score_one_after_another(scoring_home, write_first(12), write_first(14))
    assert count(scoring_home, f"source_reviews where text = '{forgotten}'") == 0
    prove(scoring_home)


@pytest.mark.slow
def test_only_the_forgotten_row_stays_so_as_a_file_grows_by_the_profile_of_before(scoring_home: Home) -> None:
    before, after = ('[columns]\ntext = "text"\n', '[columns]\ntext = "text"\n[rows]\nequal_texts = "each"\n')
    describe(scoring_home, before, "shop")
    score_one_after_another(scoring_home, write_first(12), write_first(13))
    describe(scoring_home, after, "shop")
    run(rescan="shop")
    forget_row(scoring_home, list_rows("shop")[1])
    describe(scoring_home, before, "shop")
    run(rescan="shop")
    score_one_after_another(scoring_home, write_first(14))
    kept = [text for number, text in enumerate(list_rows("shop"), 1) if number != 2]
    assert list_texts(scoring_home, "shop") == sorted(kept)
    assert count(scoring_home, "source_reviews where file_source = 'shop'") == 12 + 12 + len(
        kept
    )  # with history
    prove(scoring_home)


@pytest.mark.slow
def test_an_object_of_a_store_grows_as_a_file_does(
    scoring_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    monkeypatch.setenv("REVIEWS_STORE", f"file://{store}")
    for content in (write_cut("same"), write_whole("same")):
        send(store, "same/a.csv", content)
        run()
    assert list_texts(scoring_home, "same") == sorted(list_rows("same"))
