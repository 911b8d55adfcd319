"""Tests that with a full disk, a read-only home or too little memory no row is lost and the next run continues."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import REVIEWS, Demo, ask, call_reviews, run_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

ROWS = 3_000
PATIENCE_SECONDS = 25
"""How long a run with too little memory may take to come to an end; some stand still in a library."""
TEXT = "a film with a plot that takes its time and an ending that is worth the wait, number {} of many more to come"


def fill(home: Path) -> None:
    """Put a file of many reviews into the inbox."""
    lines = "".join(f"{TEXT.format(number)}\n" for number in range(ROWS))
    (home / "inbox" / "many.csv").write_text("review\n" + lines.replace(",", ";"), "utf-8")


def count_scored(home: Path) -> int:
    return int(ask(home, "select count(*) as rows from scored_reviews")[0]["rows"])


def require_whole(home: Path, before: int, server: Mapping[str, str]) -> None:
    """Score the remaining files; then require each row exactly once."""
    again = run_reviews(home, "score", server=server)
    assert again.status == 0, again.err
    assert count_scored(home) == before + ROWS
    proof = call_reviews(home, "verify")
    assert proof.status == 0, proof.out


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_named_and_the_next_run_goes_on(
    demo: Demo, small_disk: Path, shared_server: Mapping[str, str]
) -> None:
    home = small_disk / "home"
    shutil.copytree(demo.home, home, ignore=shutil.ignore_patterns("prefect", "archive", "reviews"))
    before = count_scored(home)
    fill(home)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(max(shutil.disk_usage(small_disk).free - 2**20, 0)))
    server = {**shared_server, "PREFECT_HOME": str(small_disk.parent / "prefect")}
    full = run_reviews(home, "score", server=server)
    assert full.status == 1
    assert "space" in full.err
    assert "Traceback" not in full.err
    assert count_scored(home) == before
    filler.unlink()
    require_whole(home, before, server)


def limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def run_with_little_memory(home: Path, memory: int, server: Mapping[str, str]) -> None:
    """Score with a limited address space, with any exit status, since any library may fail then."""
    environment = {**os.environ, "REVIEWS_HOME": str(home), **server}
    with (
        suppress(subprocess.TimeoutExpired),
        subprocess.Popen(
            [str(REVIEWS), "score"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: limit(memory),
        ) as process,
    ):
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


def test_whatever_too_little_memory_does_to_a_run_the_next_one_goes_on(
    demo: Demo, tmp_path: Path, shared_server: Mapping[str, str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo.home, home)
    before = count_scored(home)
    fill(home)
    for memory in (2**30, 3 * 2**29, 7 * 2**28):  # they fail at different moments
        run_with_little_memory(home, memory, shared_server)
    require_whole(home, before, shared_server)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_named(
    demo: Demo, tmp_path: Path, shared_server: Mapping[str, str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo.home, home)
    fill(home)
    home.chmod(0o500)
    try:
        server = {**shared_server, "PREFECT_HOME": str(tmp_path / "prefect")}
        found = run_reviews(home, "score", server=server)
    finally:
        home.chmod(0o700)
    assert found.status == 1
    assert str(home) in found.err
