"""Tests wrong use of homes, parameters, SQL and bundles by a table: the message and exit status for each defect.

Bad files, rows and archives are tested in tests/unit/test_bad_input.py and tests/unit/test_archive.py.
"""

import json
import math
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from tests.support.scoring_runs import CSV, copy_scored_home, drop
from tests.support.small_home import write_small_bundle

FAILED, WRONG = 1, 2
"""The exit statuses: a stage failed, or the use was wrong."""


@dataclass(frozen=True)
class Use:
    """One row of the table: a call, its target, and the expected message."""

    what: str
    defect: str
    command: tuple[str, ...]
    says: str
    status: int = WRONG
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Home], object] = lambda home: None


def setting(name: str, value: str, says: str, *, command: tuple[str, ...] = ("models",), **more: str) -> Use:
    return Use("setting", f"{name}={value[:40]}", command, says, WRONG, {name: value, **more})


def parameter(defect: str, *command: str, says: str, status: int = WRONG) -> Use:
    return Use("parameter", defect, command, says, status)


def sql(defect: str, query: str, says: str, status: int = FAILED) -> Use:
    return Use("sql", defect, ("sql", query), says, status)


def bundle(defect: str, prepare: Callable[[Home], object], says: str) -> Use:
    return Use("bundle", defect, ("score",), says, FAILED, {}, prepare)


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


TABLE = [
    setting("REVIEWS_PORT", "seventy", "REVIEWS_PORT='seventy': it must be a valid integer"),
    setting("REVIEWS_PORT", "70000", "REVIEWS_PORT='70000': it must be less than or equal to 65535"),
    setting("REVIEWS_REPORTS", "perhaps", "REVIEWS_REPORTS='perhaps': it must be a valid boolean"),
    setting("REVIEWS_DRAIN_SECONDS", "-1", "REVIEWS_DRAIN_SECONDS='-1': it must be greater than"),
    setting(
        "REVIEWS_ALERT_URL",
        "ftp://user:secret@host",
        "REVIEWS_ALERT_URL: must start with http:// or https://.",
    ),
    setting("REVIEWS_KEEP_BACKUPS", "-1", "REVIEWS_KEEP_BACKUPS='-1': it must be greater than"),
    setting(
        "REVIEWS_KEEP_QUARANTINE_DAYS",
        "a week",
        "REVIEWS_KEEP_QUARANTINE_DAYS='a week': it must be a valid number",
    ),
    setting("REVIEWS_SCORED_FILES", "burn", "REVIEWS_SCORED_FILES='burn': it must be 'keep' or 'move'"),
    setting(
        "REVIEWS_HOST",
        "0.0.0.0",
        "REVIEWS_HOST=0.0.0.0 lets other machines in, but REVIEWS_ALLOWED_HOSTS is not set. Next: set it to the names",
        command=("up",),
    ),
    setting(
        "REVIEWS_ALLOWED_HOSTS", "*", "REVIEWS_ALLOWED_HOSTS='*': must be names or addresses", command=("up",)
    ),
    setting("REVIEWS_HOST", "here", "REVIEWS_HOST must be an address such as 127.0.0.1", command=("up",)),
    parameter("unknown command", "scor", says="No such command 'scor'"),
    parameter("unknown option", "score", "--fast", says="No such option"),
    parameter("unknown variant", "train", "--variant", "gru", says="gru"),
    parameter("empty variant", "train", "--variant", "", says="There is no variant ''"),
    parameter("negative seed", "train", "--seed", "-1", says="-1 is not in the range"),
    parameter("seed that is no number", "train", "--seed", "one", says="'one' is not a valid integer"),
    parameter("no epochs", "train", "--epochs", "0", says="0 is not in the range"),
    parameter("unknown way to promote", "train", "--promote", "maybe", says="'maybe' is not one of"),
    parameter("missing file", "score", "nowhere.csv", says="'nowhere.csv' does not exist"),
    parameter("date that is none", "score", "--since", "yesterday", says="Write it as 2026-11-24 or"),
    parameter(
        "moment before the years of UTC",
        "score",
        "--since",
        "0001-01-01T00:00:00+14:00",
        says="since: 0001-01-01T00:00:00+14:00 lies outside the years 1 to 9999 in UTC",
    ),
    parameter(
        "moment after the years of UTC",
        "score",
        "--since",
        "9999-12-31T23:59-12:00",
        says="since: 9999-12-31T23:59:00-12:00 lies outside the years 1 to 9999 in UTC",
    ),
    parameter("empty folder", "export", "", says="it is empty. Name a path"),
    parameter("empty home", "--home", "", "models", says="it is empty. Name a path"),
    parameter("device as a file", "sources", "init", "shop-a", "/dev/null", says="is a pipe or a device"),
    parameter(
        "unknown model",
        "score",
        "--model",
        "lstm-s0-000000000000",
        says="is unknown or was never promoted",
        status=FAILED,
    ),
    parameter("no query", "sql", says="The query is missing"),
    parameter("unknown format", "sql", "--format", "xml", "from runs", says="'xml' is not one of"),
    parameter("port out of range", "up", "--port", "0", says="0 is not in the range"),
    parameter(
        "archive that is not there",
        "ingest",
        "--archive",
        "nowhere.tar.gz",
        says="nowhere.tar.gz",
        status=FAILED,
    ),
    parameter(
        "archive of another kind of address",
        "ingest",
        "--archive",
        "gopher://host/a",
        says="gopher://host/a",
        status=FAILED,
    ),
    parameter("no rows named", "quarantine", "release", says="No rows are chosen"),
    parameter("a run and a week", "report", "latest", "--week", says="Next: give --week alone"),
    parameter("deploying in the background", "up", "--deploy-only", "--detach", says="leave out the other"),
    parameter(
        "row to show that is not there", "quarantine", "show", "3fa94c12ab07:1", says="0 rows have this name"
    ),
    parameter(
        "source that has no reviews",
        "models",
        "label",
        "--source",
        "x",
        says="No source 'x' has scored reviews",
    ),
    parameter(
        "movie that has no reviews", "models", "label", "--movie", "x", says="No movie 'x' has scored reviews"
    ),
    parameter("unknown thing to forget", "forget", "--yes", "r-99", says="no row has it as review"),
    parameter(
        "unknown kind to forget", "forget", "--yes", "--as", "person", "x", says="'person' is not one of"
    ),
    parameter(
        "rule that is none", "quarantine", "list", "--rule", "blank", says="there is no row rule 'blank'"
    ),
    parameter("backup to a store with a slash missing", "backup", "s3:/bucket/x", says="is no store. Next"),
    parameter("backup over a folder", "backup", ".", says="has other content, such as "),
    parameter("backup into the parts", "backup", "home/parts/x", says="lies in `parts/` of the home"),
    parameter("export into a bundle", "export", "home/bundles/x", says="lies in `bundles/` of the home"),
    parameter(
        "report over the database", "report", "--output", "home/reviews.duckdb", says="keeps its own files"
    ),
    parameter("report into the inbox", "report", "--output", "home/inbox/a.txt", says="lies in `inbox/`"),
    parameter("restore from nowhere", "restore", "nowhere", says="does not exist"),
    parameter("restore from a folder that is no backup", "restore", ".", says="is no backup"),
    sql("nothing asked", "  ", "The query is empty", WRONG),
    parameter("a query without quotes", "sql", "show", "tables", says="Next: put the query into quotes"),
    sql("several queries", "select 1; select 2", "There are several queries", WRONG),
    sql("a query and a plan", "explain select 1; select 2", "There are several queries", WRONG),
    sql("a comment alone", "/* hello */", "The query is empty", WRONG),
    sql("a typo", "selct 2", 'Next: correct the query; `reviews sql "show tables"` lists the tables'),
    sql("unknown table", "from reviewz", "Did you mean"),
    sql("a name like that of no table", "from foo", "foo does not exist. Next: correct the query"),
    sql("a table for a query", "latest-scores", 'Did you mean "from latest_scores"? Next', WRONG),
    sql("insert", "insert into runs (run_id) values ('x')", "The published copy can only be read"),
    sql("update after a query", "select 1; update scored_reviews set score = 1", "can only be read"),
    sql(
        "read a file of the machine",
        "from read_csv('/etc/passwd')",
        "no files, extensions or other databases",
    ),
    sql("read a file by its name", "from '/etc/passwd'", "The query failed"),
    sql("open the doors again", "set enable_external_access = true", "settings can't be changed here"),
    sql("take more memory", "pragma memory_limit = '1TB'", "settings can't be changed here"),
    sql("a function that is none", "select sentiment_of('good')", "does not exist"),
    bundle("folder gone", lambda home: shutil.rmtree(champion(home)), "there is no such bundle"),
    bundle("weights altered", overwrite("model.keras", b"other"), "was altered after it was trained"),
    bundle("description that is a list", overwrite("bundle.json", b"[]"), "bundle.json"),
    bundle("description that is nested deeply", overwrite("bundle.json", b"[" * 200_000), "bundle.json"),
    bundle(
        "description that lacks its format",
        change_facts(lambda facts: facts.pop("format_version")),
        "lacks format_version",
    ),
    bundle(
        "damaged graph that was recorded", overwrite("scorer.onnx", b"other", bless=True), "can't be used"
    ),
    bundle(
        "damaged words that were recorded", overwrite("vocabulary.json", b"{", bless=True), "vocabulary.json"
    ),
    bundle(
        "other golden scores",
        change_facts(lambda facts: facts.update(golden=[{"text": "good", "score": 0.123}]), bless=True),
        "its golden texts score differently on this machine",
    ),
    bundle(
        "golden scores that are no numbers",
        change_facts(lambda facts: facts.update(golden=[{"text": "good", "score": math.nan}]), bless=True),
        "its golden texts score differently on this machine (by nan",
    ),
    bundle(
        "no golden scores",
        change_facts(lambda facts: facts.pop("golden"), bless=True),
        "has no golden scores",
    ),
    bundle("never promoted", unpromote, "No model has been promoted yet"),
]


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


def call(use: Use) -> Result:
    return CliRunner(env=use.environment).invoke(main, use.command)


@pytest.mark.parametrize("use", TABLE, ids=lambda use: f"{use.what}: {use.defect}")
def test_bad_use_ends_with_its_status_and_words_of_our_own(home: Home, use: Use) -> None:
    use.prepare(home)
    if use.what == "bundle":
        drop(home, "new.csv", "text\ngood plot\n")
    result = call(use)
    said = result.output
    assert use.says in re.sub(r"\s+", " ", said), said
    assert result.exit_code == use.status
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in said
    assert "secret" not in said
    if use.what == "bundle":
        with open_warehouse(home.warehouse, write=False) as connection:
            rows = connection.execute("select count(*) from scored_reviews").fetchall()
        assert rows == [(2,)], "a refused bundle has scored the new file"


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


def test_a_setting_that_there_is_not_is_told_once_on_standard_error() -> None:
    done = CliRunner(env={"REVIEWS_HOMES": "/x"}).invoke(main, ["models", "variants"])
    assert done.stderr == "reviews: 'REVIEWS_HOMES' sets nothing. Did you mean REVIEWS_HOME?\n"
    assert (done.exit_code, "REVIEWS" in done.stdout) == (0, False)


def test_no_two_rows_of_the_table_are_alike() -> None:
    assert len({(use.what, use.defect) for use in TABLE}) == len(TABLE)


def test_a_model_that_was_trained_and_not_promoted_does_not_score(home: Home) -> None:
    folder = write_small_bundle(home, seed=5)
    drop(home, "new.csv", "text\ngood plot\n")
    result = CliRunner().invoke(main, ("score", "--model", folder.name))
    assert (result.exit_code, "was never promoted" in result.output) == (FAILED, True)


def test_what_a_library_makes_of_ctrl_c_ends_as_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = threading.Event()
    interrupted.set()
    monkeypatch.setattr("tasks.support.interruption.INTERRUPTED", interrupted)
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "sql", "from runs"])
    assert done.exit_code == 130
    assert "Interrupted. What was committed stays" in done.output


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


def test_the_status_names_the_server_also_where_the_home_cannot_be_read(home: Home) -> None:
    home.warehouse.write_bytes(b"no database")
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == FAILED
    assert "nothing is up" in result.output
    assert "the home can't be read" in result.output


def test_a_home_that_is_a_file_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "home"
    file.touch()
    done = CliRunner().invoke(main, ["--home", str(file), "models"])
    assert (done.exit_code, "is a file" in done.output) == (2, True)


def test_commands_that_the_demo_shows_name_its_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWS_HOME", "restored afterwards")
    monkeypatch.setattr("flows.command.run_flows.prepare_prefect", lambda: lambda: None)
    monkeypatch.setattr("flows.command.demo.run_demo", lambda echo: echo("Next: reviews score"))
    done = CliRunner().invoke(main, ["demo"])
    assert re.search(r"Next: reviews --home \S+/data/demo score", done.output)


def test_a_next_step_names_the_home_that_was_given(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "my home"), "sql", "from runs"])
    assert f"`reviews --home '{tmp_path}/my home' score`" in done.output
