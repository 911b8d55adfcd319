"""Tests wrong use of homes, settings, parameters and bundles by tables: the message and exit status for each defect.

Bad files, rows and archives are tested in tests/unit/test_bad_input.py and tests/unit/test_archive.py.
"""

import json
import math
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType

import click
import pytest
from click.testing import CliRunner, Result

from data_contracts.storage.home import Home
from flows.command.cli import main
from models.bundle.fingerprint import fingerprint_bundle
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.once import copy_folder
from tests.support.scoring_runs import CSV, copy_scored_home, count, drop

FAILED, WRONG = 1, 2
"""The exit statuses: a stage failed, or the use was wrong."""

SETTINGS = {
    "REVIEWS_PORT=70000": "REVIEWS_PORT='70000': it must be less than or equal to 65535",
    "REVIEWS_ALERT_URL=ftp://user:secret@host": "REVIEWS_ALERT_URL: must start with http:// or https://.",
    "REVIEWS_HOST=0.0.0.0": "lets other machines in, but REVIEWS_ALLOWED_HOSTS is not set. Next: set it to the names",
    "REVIEWS_ALLOWED_HOSTS=*": "REVIEWS_ALLOWED_HOSTS='*': must be names or addresses",
}
"""A setting that makes no sense, and what `reviews up` says of it."""
USES = {
    "train --variant gru": (WRONG, "gru"),
    "score --since yesterday": (WRONG, "Write it as 2026-11-24 or"),
    "score --since 0001-01-01T00:00:00+14:00": (WRONG, "lies outside the years 1 to 9999 in UTC"),
    "score --model lstm-s0-000000000000": (FAILED, "is unknown or was never promoted"),
    "export ''": (WRONG, "it is empty. Name a path"),
    "--home '' models": (WRONG, "it is empty. Name a path"),
    "sources init shop-a /dev/null": (WRONG, "is a pipe or a device"),
    "sql": (WRONG, "The query is missing"),
    "sql \"from read_csv('/etc/passwd')\"": (FAILED, "no files, extensions or other databases"),
    "ingest --archive gopher://host/a": (FAILED, "gopher://host/a"),
    "quarantine release": (WRONG, "No rows are chosen"),
    "quarantine show 3fa94c12ab07:1": (WRONG, "0 rows have this name"),
    "quarantine list --rule blank": (WRONG, "there is no row rule 'blank'"),
    "report latest --week": (WRONG, "Next: give --week alone"),
    "report --output home/reviews.duckdb": (WRONG, "keeps its own files"),
    "report --output home/inbox/a.txt": (WRONG, "lies in `inbox/`"),
    "forget --yes r-99": (WRONG, "no row has it as review"),
    "backup s3:/bucket/x": (WRONG, "is no store. Next"),
    "backup .": (WRONG, "has other content, such as "),
    "backup home/parts/x": (WRONG, "lies in `parts/` of the home"),
    "export home/bundles/x": (WRONG, "lies in `bundles/` of the home"),
    "restore .": (WRONG, "is no backup"),
}
"""A command, with its exit status and words of its message."""


def champion(home: Home) -> Path:
    [folder] = home.bundles.iterdir()
    return folder


def change_facts(
    change: Callable[[dict[str, object]], object], *, bless: bool = False
) -> Callable[[Home], None]:
    """Change the facts of a bundle; with `bless`, update the fingerprints too, as a forger would."""

    def prepare(home: Home) -> None:
        path = champion(home) / "bundle.json"
        facts = json.loads(path.read_text())
        change(facts)
        path.write_text(json.dumps(facts))
        if bless:
            bless_bundle(home)

    return prepare


def bless_bundle(home: Home) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        fingerprint = fingerprint_bundle(champion(home))
        connection.execute("update models set bundle_fingerprint = ?", [fingerprint]).fetchall()


def overwrite(name: str, content: bytes, *, bless: bool = False) -> Callable[[Home], None]:
    def prepare(home: Home) -> None:
        (champion(home) / name).write_bytes(content)
        if bless:
            bless_bundle(home)

    return prepare


def unpromote(home: Home) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("delete from promotions").fetchall()


BUNDLES: dict[str, tuple[Callable[[Home], object], str]] = {
    "folder gone": (lambda home: shutil.rmtree(champion(home)), "there is no such bundle"),
    "weights altered": (overwrite("model.keras", b"other"), "was altered after it was trained"),
    "nested deeply": (overwrite("bundle.json", b"[" * 200_000), "bundle.json"),
    "no format": (change_facts(lambda facts: facts.pop("format_version")), "lacks format_version"),
    "damaged graph that was recorded": (overwrite("scorer.onnx", b"other", bless=True), "can't be used"),
    "other golden scores": (
        change_facts(lambda facts: facts.update(golden=[{"text": "good", "score": 0.123}]), bless=True),
        "its golden texts score differently on this machine",
    ),
    "golden scores that are no numbers": (
        change_facts(lambda facts: facts.update(golden=[{"text": "good", "score": math.nan}]), bless=True),
        "its golden texts score differently on this machine (by nan",
    ),
    "no golden scores": (
        change_facts(lambda facts: facts.pop("golden"), bless=True),
        "has no golden scores",
    ),
    "never promoted": (unpromote, "No model has been promoted yet"),
}
"""What is wrong with the only bundle, and what `reviews score` says of it."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion and a scored file, to be copied."""
    return copy_scored_home(Home(tmp_path_factory.mktemp("bad-use") / "home"), {"a.csv": CSV}).folder


@pytest.fixture
def home(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    copy_folder(template, tmp_path / "home")
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path / "home")


def require_message(result: Result, says: str, status: int) -> None:
    said = result.output
    assert says in re.sub(r"\s+", " ", said), said
    assert result.exit_code == status
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_makes_no_sense_is_named_without_a_secret(home: Home, setting: str) -> None:
    name, _, value = setting.partition("=")
    require_message(CliRunner(env={name: value}).invoke(main, ["up"]), SETTINGS[setting], WRONG)


@pytest.mark.parametrize("use", USES)
def test_bad_use_ends_with_its_status_and_words_of_our_own(home: Home, use: str) -> None:
    status, says = USES[use]
    require_message(CliRunner().invoke(main, shlex.split(use)), says, status)


@pytest.mark.parametrize("defect", BUNDLES)
def test_a_bundle_that_is_not_as_it_was_promoted_does_not_score(home: Home, defect: str) -> None:
    prepare, says = BUNDLES[defect]
    prepare(home)
    drop(home, "new.csv", "text\ngood plot\n")
    require_message(CliRunner().invoke(main, ["score"]), says, FAILED)
    assert count(home, "scored_reviews") == 2


def list_commands(
    group: click.Group, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from list_commands(command, (*words, name))


EVERY_VALUE = [
    (*words, each.opts[0] if isinstance(each, click.Option) else "--")
    for words, command in [((), main), *list_commands(main)]
    for each in command.params
    if not (isinstance(each, click.Option) and each.is_flag)
]
"""Each command with each of its options, or -- before its arguments."""
ASKING = [
    ("sql",),
    ("sql", "--list"),
    ("sql", "worst-movies", "--param"),
    ("explain",),
    ("explain", "--text"),
    ("explain", "r-1", "--model"),
    ("report",),
    ("quarantine", "list", "--rule"),
    ("quarantine", "list", "--file"),
    ("quarantine", "show"),
    ("quarantine", "release"),
    ("quarantine", "release", "--all", "--encoding"),
    ("forget", "--yes"),
    ("forget", "--yes", "--as"),
    ("restore",),
    ("models", "compare"),
    ("models", "promote"),
    ("models", "rollback", "--to"),
    ("score", "--since"),
    ("export", "--since"),
    ("train", "--variant"),
]
"""What to give a value to that changes nothing if it makes no sense."""
ODD = {
    "nothing": "",
    "a space": " ",
    "controls": "a\x1b[31m\n\r\x07b",
    "very long": "x" * 100_000,
    "many folders": "y/" * 3000,
    "quotes": "';\"$(id)`{}%s\\",
    "marks of order": "\u202e\ufeff\U0001f600",
    "a number": "9" * 5000,
}


@pytest.mark.parametrize("words", EVERY_VALUE, ids=" ".join)
def test_bytes_that_are_no_text_are_refused_wherever_they_stand(words: tuple[str, ...]) -> None:
    for value, shown in (("a\udcff", r"'a\xff'"), ("\ud800", r"'\ud800'")):
        done = CliRunner().invoke(main, [*words, value])
        assert (done.exit_code, type(done.exception)) == (WRONG, SystemExit)
        assert f"is not UTF-8: {shown}" in done.output


@pytest.mark.slow
@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_whatever_text_is_given_the_answer_is_words_and_a_status(
    template: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("REVIEWS_HOME", str(template))
    for what, value in ODD.items():
        done = CliRunner().invoke(main, [*words, value])
        assert type(done.exception) in (NoneType, SystemExit), (what, done.exception)
        assert (done.exit_code in (0, FAILED, WRONG), bool(done.output)) == (True, True), what
        assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "command",
    [
        ("verify",),
        ("export",),
        ("forget", "tt0000001"),
        ("forget", "tt0000001", "--yes"),
        ("backup",),
        ("sql", "select 1"),
        ("quarantine", "list"),
        ("quarantine", "release", "--all"),
        ("models", "rollback"),
    ],
    ids=" ".join,
)
def test_a_command_that_finds_no_home_names_the_next_step_and_makes_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    home = tmp_path / "mistyped"
    done = CliRunner().invoke(main, ["--home", str(home), *command])
    assert done.exit_code == FAILED, done.output
    assert re.search(r"Next: [^.]*`reviews --home \S+ (score|train)", re.sub(r"\s+", " ", done.output))
    assert not home.exists()


def test_a_next_step_names_the_home_that_was_given(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "my home"), "sql", "from runs"])
    assert f"`reviews --home '{tmp_path}/my home' score`" in done.output
