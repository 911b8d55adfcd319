"""Tests of machines that share a home by a store: one at a time writes, from where the one before has ended."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from data_contracts.errors import BundleError, SourceError, StoreError, UsageError
from data_contracts.storage.home import Home
from flows.command.cli import main
from flows.score_reviews import ScoringSummary
from tasks.store import published_upload
from tests.support.forked import run_to_fault
from tests.support.scoring_runs import CSV, count, prove, run
from tests.support.serverless import run_without_server
from tests.support.small_home import ask, copy_scoring_home, promote_small_model

pytestmark = pytest.mark.slow

MORE = "review_id,movie_id,text,rating\nd,tt1,good plot,9\n"
SCORES = "select review_id, sentiment, model_id from latest_scores order by all"


class Machines:
    """Two homes on one store, as on two machines, and the files that arrive in the store."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first, self.second, self.store = (
            Home(folder / "first"),
            Home(folder / "second"),
            folder / "store",
        )
        self._monkeypatch = monkeypatch
        (self.store / "inbox").mkdir(parents=True, exist_ok=True)
        self.use(self.first)
        monkeypatch.setenv("REVIEWS_STORE", f"file://{self.store}")
        monkeypatch.setenv("REVIEWS_SHARE_HOME", "true")

    def use(self, home: Home) -> Home:
        """Let what follows run on the machine of a home."""
        self._monkeypatch.setenv("REVIEWS_HOME", str(home.folder))
        return home

    def send(self, name: str, content: str = CSV) -> None:
        """Put a file into the inbox of the store."""
        path = self.store / "inbox" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")

    def run_killed(self, home: Home, point: str) -> None:
        """Run the flow on a machine until it dies at a fault point."""
        run_to_fault(point, _run_on, str(home.folder))


def _run_on(folder: str) -> None:
    os.environ |= {"REVIEWS_HOME": folder, "REVIEWS_REPORTS": "false"}
    with run_without_server():
        run()


@dataclass(frozen=True)
class Begun:
    """The folder in which the machines work, and copies of it: the database has its path, so tests use the same."""

    work: Path
    first_went: Path
    """After the first machine has scored `a.csv`."""
    both_went: Path
    """After the second one has scored `b.csv` too."""
    second_did: ScoringSummary


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    folder = tmp_path_factory.mktemp("machines")
    work, first_went, both_went = (folder / name for name in ("work", "first-went", "both-went"))
    copy_scoring_home(Home(work / "first"))
    with pytest.MonkeyPatch.context() as patch:
        machines = Machines(work, patch)
        machines.send("a.csv")
        assert run().files_scored == 1
        shutil.copytree(work, first_went)
        machines.use(machines.second)
        machines.send("b.csv", MORE)
        done = run()
        shutil.copytree(work, both_went)
    return Begun(work, first_went, both_went, done)


def put_back(begun: Begun, state: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Return the machines in an earlier state; what follows runs on the first one."""
    shutil.rmtree(begun.work)
    shutil.copytree(state, begun.work)
    return Machines(begun.work, monkeypatch)


@pytest.fixture
def machines(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Two machines, of which the first has scored `a.csv`."""
    return put_back(begun, begun.first_went, monkeypatch)


@pytest.fixture
def both(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Two machines, of which the second has scored `b.csv` after the first one had scored `a.csv`."""
    return put_back(begun, begun.both_went, monkeypatch)


def test_a_second_machine_goes_on_where_the_first_has_ended(begun: Begun, both: Machines) -> None:
    assert (begun.second_did.files_scored, begun.second_did.rows_scored) == (1, 1)
    assert count(both.second, "scored_reviews") == 3
    prove(both.second)


def test_the_first_machine_gets_what_the_second_one_has_done(both: Machines) -> None:
    assert run().files_scored == 0
    assert ask(both.first.warehouse, SCORES) == ask(both.second.warehouse, SCORES)


@pytest.mark.process
def test_what_a_killed_machine_did_not_upload_another_one_scores_and_both_have_each_row_once(
    machines: Machines,
) -> None:
    machines.send("b.csv", MORE)
    machines.run_killed(machines.first, "score: after commit")
    machines.use(machines.second)
    _let_lease_expire(machines)
    assert run().rows_scored == 1
    machines.use(machines.first)
    assert run().files_scored == 0
    for home in (machines.first, machines.second):
        assert count(home, "scored_reviews") == 3
        prove(home)


def _let_lease_expire(machines: Machines) -> None:
    """Do what a minute without a sign of the killed machine does."""
    (machines.store / "lease.json").unlink()


@pytest.mark.process
def test_a_killed_run_is_gone_on_with_by_its_own_machine_if_no_other_was_there(machines: Machines) -> None:
    machines.send("b.csv", MORE)
    machines.run_killed(machines.first, "score: after commit")
    assert run().files_scored == 0
    assert count(machines.first, "scored_reviews") == 3
    second = machines.use(machines.second)
    assert run().files_scored == 0
    assert count(second, "scored_reviews") == 3


def test_a_machine_that_was_silent_for_too_long_can_t_upload_what_it_did_beside_its_successor(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.send("b.csv", MORE)
    upload = published_upload.upload_copy

    def sleep_before(home: Home, uri: str) -> object:
        monkeypatch.setattr(published_upload, "upload_copy", upload)
        _let_lease_expire(machines)
        machines.use(machines.second)
        assert run().rows_scored == 1
        machines.use(machines.first)
        return upload(home, uri)

    monkeypatch.setattr(published_upload, "upload_copy", sleep_before)
    with pytest.raises(SourceError, match=r"was replaced by .*second since this machine took its turn"):
        run()
    assert run().files_scored == 0
    assert ask(machines.first.warehouse, SCORES) == ask(machines.second.warehouse, SCORES)


def test_a_promotion_on_one_machine_scores_on_the_other_one(machines: Machines) -> None:
    other = promote_small_model(machines.first, seed=1)
    run()
    machines.use(machines.second)
    machines.send("b.csv", MORE)
    assert run().model_id == other.name


def test_a_profile_written_on_one_machine_is_used_by_the_other_one(machines: Machines) -> None:
    machines.first.sources.mkdir()
    (machines.first.sources / "shop.toml").write_text('[columns]\ntext = "words"\n', "utf-8")
    run()
    second = machines.use(machines.second)
    machines.send("shop/b.csv", "what,words\n2,bad film\n")
    assert run().rows_scored == 1
    with_profile = "select profile_version is null from scored_files where source = 'shop'"
    assert ask(second.warehouse, with_profile) == [(False,)]


def test_a_query_on_a_machine_reads_what_the_other_one_has_scored(both: Machines) -> None:
    done = CliRunner().invoke(main, ["sql", "select count(*) as n from scored_reviews", "--format", "csv"])
    assert (done.exit_code, done.stdout.split()) == (0, ["n", "3"])
    assert "published a moment ago" in done.stderr


def test_a_forgotten_review_is_gone_from_the_other_machine_with_its_next_turn(both: Machines) -> None:
    done = CliRunner().invoke(main, ["forget", "a", "--yes"])
    assert done.exit_code == 0, done.output
    second = both.use(both.second)
    assert b"good film" in second.published.read_bytes()
    run()
    assert b"good film" not in second.warehouse.read_bytes() + second.published.read_bytes()
    assert not any(
        b"good film" in path.read_bytes() for path in (both.store / "published").rglob("*") if path.is_file()
    )


def test_a_shared_home_is_not_written_without_its_store(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_SHARE_HOME", "false")
    with pytest.raises(UsageError, match="several machines share this home"):
        run()


def test_a_database_of_another_home_is_never_replaced(machines: Machines, tmp_path: Path) -> None:
    promote_small_model(machines.second)
    before = machines.second.warehouse.read_bytes()
    copy = Home(tmp_path / "copied")
    shutil.copytree(machines.second.folder, copy.folder)
    copy.id_file.parent.mkdir(exist_ok=True)
    copy.id_file.write_text("0123456789ab\n", "utf-8")
    machines.use(copy)
    with pytest.raises(SourceError, match="another home publishes there"):
        run()
    assert copy.warehouse.read_bytes() == before


def test_a_run_that_can_t_upload_fails_and_delivers_nothing_and_the_next_one_of_its_machine_does_both(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machines.send("b.csv", MORE)
    machines.first.destinations.mkdir()
    (machines.first.destinations / "lake.toml").write_text(f'kind = "parquet"\nfolder = "{tmp_path}/lake"\n')

    def fail(*arguments: object) -> None:
        raise StoreError("access is refused.")

    with monkeypatch.context() as patch:
        patch.setattr(published_upload, "find_copy", fail)
        with pytest.raises(StoreError, match="access is refused"):
            run()
    assert not list(tmp_path.glob("lake/**/*.parquet"))
    assert run().files_scored == 0
    assert published_upload.find_faults(machines.first, f"file://{machines.store}") == []
    assert list(tmp_path.glob("lake/**/*.parquet"))


def test_a_machine_without_a_model_does_not_begin_the_home_before_the_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_scoring_home(Home(tmp_path / "first"))
    machines = Machines(tmp_path, monkeypatch)
    machines.send("a.csv")
    machines.use(machines.second)
    with pytest.raises(BundleError, match="No model has been promoted yet"):
        run()
    machines.use(machines.first)
    assert run().files_scored == 1
    second = machines.use(machines.second)
    assert run().files_scored == 0
    assert count(second, "scored_reviews") == 2


def test_a_machine_with_a_model_begins_the_home_before_any_file_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_scoring_home(Home(tmp_path / "first"))
    machines = Machines(tmp_path, monkeypatch)
    assert run().files_found == 0
    machines.use(machines.second)
    machines.send("a.csv")
    assert run().files_scored == 1


def test_a_profile_that_another_machine_has_written_is_not_overwritten_by_init(
    machines: Machines, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.csv").write_text(f"review,{name}\ngood film,1\n", "utf-8")
    ask_for = ["sources", "init", "shop", "--yes"]
    done = CliRunner().invoke(main, [*ask_for, str(tmp_path / "first.csv")])
    assert done.exit_code == 0, done.output
    written = (machines.first.sources / "shop.toml").read_text("utf-8")
    second = machines.use(machines.second)
    done = CliRunner().invoke(main, [*ask_for, str(tmp_path / "second.csv")])
    assert done.exit_code != 0
    assert "--replace" in done.output
    assert (second.sources / "shop.toml").read_text("utf-8") == written


def test_a_query_on_a_machine_without_the_champion_s_bundle_fetches_it(machines: Machines) -> None:
    machines.use(machines.second)
    done = CliRunner().invoke(main, ["explain", "--text", "a good film"])
    assert done.exit_code == 0, done.output
