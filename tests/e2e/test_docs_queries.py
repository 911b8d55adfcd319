"""Tests that every query of docs/queries.md has the same columns and number of rows on a new demo."""

import re

import pytest

from deployments.installation_paths import PROJECT_ROOT
from docs.queries_page import Question, read_questions
from tests.e2e.conftest import Demo, call_reviews, run_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

QUESTIONS = read_questions()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.asks)
def test_a_question_of_the_page_gives_what_stands_there(demo: Demo, question: Question) -> None:
    done = call_reviews(demo.home, *question.arguments)
    assert done.status == 0, done.err
    given, shown = done.out.splitlines(), question.answer.splitlines()
    assert re.findall(r"\w+", given[1]) == re.findall(r"\w+", shown[1])
    assert given[-1] == shown[-1]
    if question.is_same:
        assert given == shown


def test_the_way_from_the_readme_to_an_answer_takes_three_commands(demo: Demo) -> None:
    commands = re.search(
        r"```\nmake demo\n(.*?)\n(.*?)\n```", (PROJECT_ROOT / "README.md").read_text("utf-8")
    )
    assert commands is not None
    assert commands[1] == ". .venv/bin/activate"
    query = re.fullmatch(r'reviews --home data/demo sql "(.*)"', commands[2])
    assert query is not None
    assert run_reviews(demo.home, "sql", query[1]).status == 0
