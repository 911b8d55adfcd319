"""Tests of `reviews explain` on a home with a small model, in a terminal and in a pipe."""

import ast
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tests.conftest import PROJECT_ROOT
from tests.support.promoting import promote_model
from tests.support.scoring_runs import drop, run
from tests.support.small_home import ask, copy_home, promote_small_model, write_small_bundle

STRENGTH = 300.0
"""Of the model's last weights: untrained, no word of it would move a score visibly."""
CSV = "review_id,movie_id,text\na,tt1,a good good film\nb,tt1,the bad plot\nc,tt2,...\n"


@pytest.fixture
def own_home(empty_home: Home) -> Home:
    """A home that the test may change."""
    return copy_home(empty_home, "explained", fill_home)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that tests only read."""
    return copy_home(Home(tmp_path_factory.mktemp("explained") / "home"), "explained", fill_home)


def fill_home(home: Home) -> None:
    """Score two reviews and quarantine a row."""
    folder = write_small_bundle(home, strength=STRENGTH)
    promote_model(home.warehouse, folder.name, "for a test")
    drop(home, "a.csv", CSV)
    run()


def call(home: Home, *arguments: str, stdin: str | bytes | None = None) -> Result:
    environment = {"REVIEWS_HOME": str(home.folder)}
    return CliRunner().invoke(main, ["explain", *arguments], input=stdin, env=environment)


@pytest.mark.slow
def test_a_review_is_explained_with_the_score_that_the_database_has(home: Home) -> None:
    found = json.loads(call(home, "a", "--format", "json").stdout)
    [(score, model_id)] = ask(
        home.published, "select score, model_id from latest_scores where review_id = 'a'"
    )
    assert found["score"] == pytest.approx(score, abs=1e-6)
    assert (found["model_id"], found["text"], found["words_read"]) == (model_id, "a good good film", 4)


def test_a_text_from_the_command_line_and_one_from_standard_input_are_explained_alike(home: Home) -> None:
    given, read = call(home, "--text", "a good film"), call(home, "-", stdin="a good film")
    assert (given.exit_code, read.exit_code) == (0, 0)
    assert given.stdout == read.stdout
    assert "A text that is in no table" in given.stdout


@pytest.mark.slow
def test_another_promoted_model_can_be_asked(own_home: Home) -> None:
    [(first,)] = ask(own_home.published, "select model_id from promotions")
    second = promote_small_model(own_home, seed=1).name
    drop(own_home, "b.csv", "text\na film\n")
    run()
    assert f"by {second}" in call(own_home, "a").stdout
    assert f"by {first}" in call(own_home, "a", "--model", first).stdout


def test_a_model_that_was_never_promoted_explains_nothing(own_home: Home) -> None:
    other = write_small_bundle(own_home, seed=1).name
    result = call(own_home, "a", "--model", other)
    assert (result.exit_code, "was never promoted" in result.output) == (1, True)


def test_an_altered_model_explains_nothing(own_home: Home) -> None:
    [bundle] = own_home.bundles.iterdir()
    (bundle / "vocabulary.json").write_text("[]")
    result = call(own_home, "a")
    assert (result.exit_code, "was altered after it was trained" in result.output) == (1, True)


@pytest.mark.slow
def test_what_was_forgotten_is_not_explained(own_home: Home) -> None:
    forget_everywhere(own_home, ForgetRequest("a", None, "ann"), lambda said: None)
    assert "No scored review or row is named 'a'. Next:" in call(own_home, "a").output


@pytest.mark.process
def test_neither_tensorflow_nor_prefect_is_loaded(home: Home) -> None:
    script = (
        "import sys; from flows.command.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted({name.split('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", script, "--home", str(home.folder), "explain", "a"]
    result = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    said, loaded = result.stdout.split("LOADED ")
    assert "Review a of movie tt1" in said
    heavy = {"tensorflow", "keras", "prefect", "great_expectations", "sklearn", "onnx"}
    assert not heavy & set(ast.literal_eval(loaded))
