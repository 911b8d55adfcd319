"""Tests of files that grow: what begins with all bytes of a file that came before takes its place."""

import gzip
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.storage.home import Home
from flows.scoring_message import ScoringSummary, describe_scoring
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.scorer import Scorer
from tasks.inbox.source_files import SourceFile, hash_file, look_into
from tasks.maintenance.data_promises import PROMISES
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.scoring.group_to_part import ScoringJob, score_group
from tasks.scoring.grown_files import find_earlier, note_growth
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.stages.score import keep_checked
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.model_registry import find_champion
from tasks.warehouse.row_names import ROW_NAME
from tasks.warehouse.run_log import Run
from tests.support.inner_engine import use_inner_engine
from tests.support.scoring_runs import count, describe, drop, prove, run
from tests.support.small_home import ask, copy_scoring_home
from tests.support.stored_runs import send

FEW = "text\ngood"
FORGOTTEN = "as same says a good film of 3 hours"


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


@dataclass(frozen=True)
class Grown:
    """A home to which sources have sent files, and then others that begin with them."""

    home: Home
    summary: ScoringSummary
    """Of the second run."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    home = copy_scoring_home(Home(tmp_path_factory.mktemp("grown") / "home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        for files in (FIRST, SECOND):
            for name, content in files.items():
                drop(home, name, content)
            summary = run()
    return Grown(home, summary)


@pytest.fixture
def home(grown: Grown, empty_home: Home) -> Home:
    """A copy of that home."""
    shutil.copytree(grown.home.folder, empty_home.folder)
    return empty_home


@pytest.mark.slow
@pytest.mark.parametrize("source", ["same", "other", "zipped", "at once"])
def test_a_file_that_begins_with_one_before_takes_its_place_with_its_cut_row(
    grown: Grown, source: str
) -> None:
    assert list_texts(grown.home, source) == sorted(list_rows(source))
    prove(grown.home)


@pytest.mark.slow
def test_short_files_of_other_names_are_files_of_their_own(grown: Grown) -> None:
    assert list_texts(grown.home, "few") == ["good", "good film", "good film, by another writer"]


@pytest.mark.slow
def test_a_file_takes_no_place_of_one_without_rows_or_of_another_source(grown: Grown) -> None:
    query = "select count(*) from scored_files where grown_into is not null and uri like '{}/%'"
    assert [ask(grown.home.published, query.format(name)) for name in ("none", "elsewhere")] == [[(0,)]] * 2


@pytest.mark.slow
def test_a_run_says_how_many_files_have_grown(grown: Grown) -> None:
    assert "replaced    4 earlier files of the same source" in describe_scoring(grown.summary)


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


@pytest.mark.slow
def test_a_forgotten_row_leaves_what_the_file_was_before_and_stays_forgotten_as_it_grows(home: Home) -> None:
    [(row,)] = ask(
        home.published, f"select {ROW_NAME} from latest_scores where text = '{FORGOTTEN}' and source = 'same'"
    )
    forget_everywhere(home, ForgetRequest(row, "row", "ann"), lambda said: None)
    texts = f"source_reviews where file_source = 'same' and text = '{FORGOTTEN}'"
    assert count(home, texts) == 0
    drop(home, "same/a.csv", write_whole("same") + "yet another good film\n")
    run()
    assert count(home, texts) == 0
    assert len(list_texts(home, "same")) == len(list_rows("same"))
    prove(home)


@pytest.mark.slow
def test_a_backup_learns_which_rows_of_a_grown_file_were_forgotten(home: Home) -> None:
    [(row,)] = ask(
        home.published, f"select {ROW_NAME} from latest_scores where text = '{FORGOTTEN}' and source = 'same'"
    )
    back_up_home(home, None, lambda said: None)
    forget_everywhere(home, ForgetRequest(row, "row", "ann"), lambda said: None)
    before = home.forgotten.read_bytes()
    drop(home, "same/a.csv", write_whole("same") + "yet another good film\n")
    run()
    kept = (home.backups / home.forgotten.name).read_bytes()
    assert before != home.forgotten.read_bytes()
    assert {*kept.splitlines()} == {*home.forgotten.read_bytes().splitlines()}


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


def write_first(rows: int) -> str:
    """Return the first rows of a file of a shop."""
    return "".join(f"{line}\n" for line in ("text", *list_rows("shop")[:rows]))


def forget_row(home: Home, text: str) -> None:
    query = f"select {ROW_NAME} from latest_scores where text = '{text}'"
    [(row,)] = ask(home.published, query)
    forget_everywhere(home, ForgetRequest(row, "row", "ann"), lambda said: None)


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
def test_a_file_of_forgotten_rows_that_was_read_again_by_another_profile_grows_on(scoring_home: Home) -> None:
    describe(scoring_home, '[columns]\ntext = "text"\n', "shop")
    score_one_after_another(scoring_home, write_first(12))
    forget_row(scoring_home, list_rows("shop")[2])
    score_one_after_another(scoring_home, write_first(13))
    describe(scoring_home, '[columns]\ntext = "text"\n[dates]\nformat = "iso"\n', "shop")
    run(rescan="shop")
    score_one_after_another(scoring_home, write_first(14))
    assert len(list_texts(scoring_home, "shop")) == 13
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
@pytest.mark.parametrize("has_workers", [False, True])
def test_an_object_of_a_store_grows_as_a_file_does(
    scoring_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_workers: bool
) -> None:
    store = tmp_path / "store"
    monkeypatch.setenv("REVIEWS_STORE", f"file://{store}")
    for content in (write_cut("same"), write_whole("same")):
        send(store, "same/a.csv", content)
        if has_workers:
            with use_inner_engine():
                run()
        else:
            run()
    assert list_texts(scoring_home, "same") == sorted(list_rows("same"))


@cache
def load_scorer(bundle: Path, fingerprint: str) -> Scorer:
    return load_blessed_scorer(bundle, fingerprint)


def take_in(home: Home) -> None:
    """Score and commit what lies in the inbox, as a run does."""
    champion = find_champion(home.warehouse)
    assert champion
    run_of = Run(home, "run")
    job = ScoringJob(
        run_of, lambda: load_scorer(home.bundles / champion.model_id, champion.bundle_fingerprint)
    )
    files = [file for file in map(hash_file, look_into(home.inbox).files) if isinstance(file, SourceFile)]
    earlier = find_earlier(home.warehouse, job.catalogue, files)
    noted = note_growth(files, earlier, lambda uri: job.catalogue.find(uri).name)
    part = keep_checked(run_of, score_group(job, noted)).part_dir
    commit_parts(home.warehouse, part)
    shutil.rmtree(part)


@pytest.mark.slow
@settings(max_examples=3)
@given(
    texts=st.lists(st.sampled_from([*list_rows("shop"), "good film"]), min_size=1, max_size=6),
    cuts=st.lists(st.floats(0, 1), max_size=3),
)
@example(texts=["good film", *list_rows("shop")[:3]], cuts=[0.4, 0.7])
def test_however_a_file_grows_it_ends_as_if_it_had_come_whole(texts: list[str], cuts: list[float]) -> None:
    whole = "".join(f"{line}\n" for line in ("text", *texts))
    with TemporaryDirectory() as folder:
        home = copy_scoring_home(Home(Path(folder) / "home"))
        for content in (*(whole[: round(cut * len(whole))] for cut in sorted(cuts)), whole):
            drop(home, "shop/a.csv", content)
            take_in(home)
        assert {text for (text,) in ask(home.warehouse, "select text from latest_scores")} == set(texts)
        with open_warehouse(home.warehouse, write=False) as connection:
            assert [name for name, query in PROMISES.items() if connection.execute(query).fetchall()] == []
