"""Tests of `reviews backup` and `reviews restore`: a complete copy or none, and its restoration."""

import json
import shutil
import stat
import threading
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from data_contracts.errors import ReviewsError, WarehouseError
from data_contracts.storage.home import Home
from models.bundle.fingerprint import require_fingerprint
from tasks.maintenance.verification import verify_home
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.snapshots.restoring import unpack
from tasks.stages import score as score_stages
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import CSV, copy_scored_home, count, drop, run
from tests.support.small_home import ask, copy_home

MORE = "review_id,text\nx,good plot\n"


@pytest.fixture
def home(scored_home: Home) -> Home:
    return scored_home


def quiet(said: str) -> None:
    pass


@pytest.mark.slow
def test_a_damaged_database_is_named_and_rebuilt_from_backup_and_inbox(home: Home) -> None:
    back_up_home(home, None, quiet)
    drop(home, "b.csv", MORE)
    run()
    home.warehouse.write_bytes(home.warehouse.read_bytes()[:5000])
    with pytest.raises(WarehouseError, match="reviews restore BACKUP"):
        run()
    restore_home(home, str(home.backups), quiet)
    assert count(home, "scored_reviews") == 2
    run()
    assert count(home, "scored_reviews") == 3
    verify_home(home, quiet)


@pytest.fixture
def corrected_home(empty_home: Home) -> Home:
    """A home that went back to a backup of before a review and, in a later file, its correction."""
    return copy_home(empty_home, "corrected", fill_corrected_home)


def fill_corrected_home(home: Home) -> None:
    copy_scored_home(home, {"a.csv": CSV})
    back_up_home(home, home.folder / "backup", quiet)
    for name, text in (("day9.csv", "good film"), ("day10.csv", "corrected: bad plot")):
        drop(home, name, f"review_id,text\nu1,{text}\n")
        run()
    assert ask(home.published, LATEST_TEXT) == [("corrected: bad plot",)]
    restore_home(home, home.folder / "backup", quiet)


LATEST_TEXT = "select text from latest_scores where review_id = 'u1'"


@pytest.mark.slow
@pytest.mark.parametrize("restores", [1, 2])
def test_after_a_restore_a_correction_is_still_the_newest_whatever_its_name(
    corrected_home: Home, restores: int
) -> None:
    for _ in range(restores - 1):
        restore_home(corrected_home, corrected_home.folder / "backup", quiet)
    run()
    assert ask(corrected_home.published, LATEST_TEXT) == [("corrected: bad plot",)]
    assert list(corrected_home.running.iterdir()) == []


@pytest.mark.slow
def test_a_run_that_failed_keeps_the_order_of_before_a_restore_for_the_next_one(
    corrected_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(score_stages, "score_files", fail)
        with pytest.raises(ReviewsError):
            run()
    run()
    assert ask(corrected_home.published, LATEST_TEXT) == [("corrected: bad plot",)]


def test_a_bundle_that_was_lost_comes_back(home: Home, tmp_path: Path) -> None:
    back_up_home(home, tmp_path / "backup", quiet)
    [bundle] = home.bundles.iterdir()
    [(fingerprint,)] = ask(home.warehouse, "select bundle_fingerprint from models")
    (bundle / "vocabulary.json").unlink()
    restore_home(home, tmp_path / "backup", quiet)
    require_fingerprint(bundle, fingerprint)


def test_a_profile_that_the_home_lacks_comes_back_and_one_that_it_has_stays(
    home: Home, tmp_path: Path
) -> None:
    home.sources.mkdir(exist_ok=True)
    lost, mended = home.sources / "shop-a.toml", home.sources / "shop-b.toml"
    for profile in (lost, mended):
        profile.write_text('[columns]\ntext = "Body"\n', "utf-8")
    back_up_home(home, tmp_path / "backup", quiet)
    lost.unlink()
    mended.write_text('[columns]\ntext = "Words"\n', "utf-8")
    restore_home(home, tmp_path / "backup", quiet)
    assert [each.read_text("utf-8").splitlines()[1] for each in (lost, mended)] == [
        'text = "Body"',
        'text = "Words"',
    ]


@pytest.mark.slow
def test_a_backup_is_consistent_while_others_write(home: Home, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with open_warehouse(home.warehouse, write=True) as connection:
                connection.execute(
                    "insert into runs (run_id, flow, started_at, status) values (?, 'x', now(), 'running')",
                    [str(number)],
                ).fetchall()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up_home(home, tmp_path / str(number), quiet)
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        with unpack(home, tmp_path / str(number)) as found:
            rows = ask(
                found.folder / home.warehouse.name,
                "select count(*), coalesce(max(try_cast(run_id as int)), 0) from runs where flow = 'x'",
            )
        assert len({*rows[0]}) == 1


@pytest.mark.parametrize(("start", "content"), [(0, b""), (4_136, bytes(8)), (12_288, b"\xff" * 2_000_000)])
def test_a_database_that_can_not_be_opened_is_not_backed_up(home: Home, start: int, content: bytes) -> None:
    back_up_home(home, None, quiet)
    whole, published = home.warehouse.read_bytes(), home.published.read_bytes()
    home.warehouse.write_bytes((whole[:start] + content + whole[start + len(content) :]) if content else b"x")
    with pytest.raises(WarehouseError, match=r"damaged.*reviews restore"):
        back_up_home(home, None, quiet)
    assert [path.name for path in home.backups.glob("0*")] == ["000001.json"]
    assert home.published.read_bytes() == published


@pytest.mark.parametrize("name", ["000001.json", "chunks/*"])
def test_a_damaged_backup_is_refused_and_changes_nothing(home: Home, tmp_path: Path, name: str) -> None:
    back_up_home(home, tmp_path / "backup", quiet)
    damaged = max((tmp_path / "backup").glob(name))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF  # any other byte might be there already
    damaged.write_bytes(content)
    before = home.warehouse.read_bytes()
    with pytest.raises(ReviewsError, match=r"damaged"):
        restore_home(home, tmp_path / "backup", quiet)
    assert home.warehouse.read_bytes() == before


def test_a_backup_of_a_newer_version_is_refused_and_changes_nothing(home: Home, tmp_path: Path) -> None:
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("insert into schema_migrations values (999, 'from the future', now(), null)")
    write_old_backup(home, tmp_path / "backup")
    home.warehouse.write_bytes(b"another")
    with pytest.raises(WarehouseError, match="tables of version 999"):
        restore_home(home, tmp_path / "backup", quiet)
    assert home.warehouse.read_bytes() == b"another"


def write_old_backup(home: Home, folder: Path) -> None:
    """Write a backup of format 1: the database as it is, and the bundles."""
    folder.mkdir()
    shutil.copyfile(home.warehouse, folder / "reviews.duckdb")
    shutil.copytree(home.bundles, folder / "bundles")
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    manifest = {"format": 1, "made_at": "2026-01-01T00:00:00+00:00", "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["size", "content"])
def test_a_damaged_backup_of_the_first_format_is_refused_by_the_name_of_its_file(
    home: Home, tmp_path: Path, damage: str
) -> None:
    write_old_backup(home, tmp_path / "backup")
    path = next((tmp_path / "backup").rglob("vocabulary.json"))
    before = home.warehouse.read_bytes()
    if damage == "size":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(
        ReviewsError, match=r"is damaged: bundles/.*/vocabulary\.json (is missing|has changed)"
    ):
        restore_home(home, tmp_path / "backup", quiet)
    assert home.warehouse.read_bytes() == before


@pytest.mark.slow
def test_files_that_were_moved_after_the_backup_are_scored_anew(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up_home(home, tmp_path / "backup", quiet)
    monkeypatch.setenv("REVIEWS_SCORED_FILES", "move")
    drop(home, "b.csv", MORE)
    run()
    said: list[str] = []
    restore_home(home, tmp_path / "backup", said.append)
    assert "moved back to the inbox" in "".join(said)
    assert run().rows_scored == 1
    assert count(home, "scored_reviews") == 3


def test_a_backup_is_closed_to_other_users(home: Home, tmp_path: Path) -> None:
    back_up_home(home, tmp_path / "backup", quiet)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
