"""Tests that every query of docs/queries.md has the same columns and number of rows on a new demo."""

import re

import pytest

from docs.queries_page import Question, read_questions
from tests.e2e.conftest import Demo, call_reviews

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
