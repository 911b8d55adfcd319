"""Tests which questions of a survey ask for the text, the movie and the rating of a review."""

import pytest

from tasks.review_files.inference.column_recognition import recognise_columns

TEXT = "What did you think of the film?"


@pytest.mark.parametrize(
    "question",
    [
        "Rate how likely you are to recommend us (0-10)",
        "How would you rate our staff? (1-10)",
        "How would you rate the delivery?",
        "How many stars for the seats? (1-5)",
        "Which score do you give our website?",
    ],
)
def test_a_rating_of_anything_but_the_film_is_not_its_rating(question: str) -> None:
    assert "given_rating" not in recognise_columns([TEXT, question]).known


@pytest.mark.parametrize(
    "question",
    ["How would you rate the film? (1-10)", "How many stars would you give it?", "Rate it from 1 to 10"],
)
def test_a_rating_of_the_film_is_its_rating(question: str) -> None:
    assert recognise_columns([TEXT, question]).known == {"given_rating": 1}


@pytest.mark.parametrize(
    "question", ["Which film would you like us to show next?", "Which movie should we show in May?"]
)
def test_a_film_that_somebody_wishes_to_see_is_not_the_one_reviewed(question: str) -> None:
    assert "movie_id" not in recognise_columns([TEXT, question]).known


@pytest.mark.parametrize("other", ["What could be better?", "What should we improve?"])
def test_neither_what_was_liked_nor_what_could_be_better_is_the_text_alone(other: str) -> None:
    assert recognise_columns(["What did you like?", other]).text == ()
