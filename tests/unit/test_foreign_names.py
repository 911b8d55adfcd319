"""Tests that files with German, French, Spanish and Italian columns are read, or refused where a name is ambiguous."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError
from tasks.review_files.inference.column_recognition import recognise_columns
from tasks.review_files.inference.known_column_names import FOREIGN_TEXTS
from tasks.review_files.inference.rating_decisions import MARKS
from tasks.review_files.inference.scale_names import find_hint
from tasks.review_files.plans.ratings import make_rating_parser
from tasks.review_files.plans.reading_plan import RatingScale, ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file

OPINIONS = [
    "Ein wunderbarer Film von Anfang an.",
    "Sehr langweilig und viel zu lang.",
    "Ganz nett gespielt.",
]
REPLY = "Vielen Dank, wir freuen uns sehr."


def read(
    path: Path, names: str, *columns: list[str], **options: Any
) -> tuple[list[dict[str, Any]], ReadingPlan]:
    lines = [names, *(";".join(values) for values in zip(*columns, strict=True))]
    path.write_text("\n".join(lines), "utf-8")
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append, **options))
    return [row for batch in batches for row in batch.to_pylist()], plans[0]


@pytest.mark.parametrize(
    ("names", "ours"),
    [
        ("Film|Rezension|Sterne|Datum", {"movie_id": 0, "text": 1, "given_rating": 2, "reviewed_at": 3}),
        ("Datum|Film|Bewertung|Kommentar", {"reviewed_at": 0, "movie_id": 1, "given_rating": 2, "text": 3}),
        ("Titre du film|Commentaire|Note|Date", {"movie_id": 0, "text": 1, "given_rating": 2, "reviewed_at": 3}),
        ("Note (sur 20)|Avis", {"given_rating": 0, "text": 1}),
        ("Película|Reseña|Calificación|Fecha", {"movie_id": 0, "text": 1, "given_rating": 2, "reviewed_at": 3}),
        ("Data|Recensione|Voto", {"reviewed_at": 0, "text": 1, "given_rating": 2}),
        ("Commento|Valutazione", {"text": 0, "given_rating": 1}),
        ("Text|Bewertung", {"text": 0, "given_rating": 1}),
        ("Text|Bewertung|Sterne", {"text": 0, "given_rating": 2}),
        ("Review|Note|Data", {"text": 0}),
        ("Note|Rating|Comment", {"given_rating": 1, "text": 2}),
    ],
)  # fmt: skip
def test_names_in_four_languages_are_known_and_english_ones_keep_their_meaning(
    names: str, ours: dict[str, int]
) -> None:
    for form in ("NFC", "NFD"):
        found = recognise_columns([unicodedata.normalize(form, name) for name in names.split("|")])
        assert {**found.known, "text": found.text[-1]} == ours


@pytest.mark.parametrize(
    "names",
    [
        "Sterne|Bewertung|Datum",
        "Film|Bewertung",
        "Sterne|Bewertung|Kommentar",
        "Avis|Commentaire|Note",
        "Film|Critique|Commentaire",
        "Note|Date",
    ],
)
def test_a_name_that_may_be_of_a_text_or_of_a_rating_is_no_text(names: str) -> None:
    assert recognise_columns(names.split("|")).text == ()


@pytest.mark.parametrize("name", FOREIGN_TEXTS)
def test_an_english_name_of_a_text_comes_first(name: str) -> None:
    assert recognise_columns([name, "review"]).text == (1,)


@pytest.mark.parametrize(
    ("names", "ours"),
    [
        ("opinion|Please tell us what you thought of the film", {"text": 1}),
        ("user_comments|What did you think of the film?", {"text": 1}),
        ("text|Which film did you see?|Produkt", {"text": 0, "movie_id": 1}),
        ("text|voto|How would you rate it? (1-10)", {"text": 0, "given_rating": 2}),
        ("text|voto|rating", {"text": 0, "given_rating": 2}),
        ("comment_text|opinion|user_feedback", {"text": 1}),
    ],
)
def test_a_question_of_a_survey_comes_before_a_name_that_is_less_sure(
    names: str, ours: dict[str, int]
) -> None:
    found = recognise_columns(names.split("|"))
    assert {**found.known, "text": found.text[-1]} == ours


def test_a_name_that_is_less_sure_is_no_text_beside_several_questions() -> None:
    assert recognise_columns(["opinion", "What did you like?", "What did you dislike?"]).text == ()


def test_a_title_in_another_language_may_be_that_of_the_movie_too() -> None:
    assert recognise_columns(["Titel", "Rezension"]).unclear_title == 0
    assert recognise_columns(["Rezensionstitel", "Rezension"]).text == (0, 1)


def test_a_comment_is_refused_where_the_column_beside_it_has_the_opinions(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError, match="the text is 'Bewertung' or 'Kommentar'") as caught:
        read(tmp_path / "a.csv", "Bewertung;Kommentar", OPINIONS, [REPLY] * 3)
    assert caught.value.rule == "text_column_doubled"
    rows, _ = read(tmp_path / "b.csv", "Bewertung;Kommentar", OPINIONS, [REPLY] * 3, text_column="Bewertung")
    assert [row["text"] for row in rows] == OPINIONS


@pytest.mark.parametrize("number", ["5", "8,5", "4 von 5"])
def test_a_comment_is_refused_beside_opinions_one_of_which_is_a_number(tmp_path: Path, number: str) -> None:
    with pytest.raises(FileRefusedError, match="the text is 'Valoracion' or 'Comentario'"):
        read(tmp_path / "a.csv", "Valoracion;Comentario", [number, *OPINIONS], [REPLY] * 4)


def test_a_comment_is_read_where_the_column_beside_it_has_the_ratings(tmp_path: Path) -> None:
    rows, plan = read(tmp_path / "a.csv", "Bewertung;Kommentar", ["8,5", "2,0", "7,0"], OPINIONS)
    assert [(row["text"], row["given_rating"]) for row in rows] == list(
        zip(OPINIONS, [8.5, 2, 7], strict=True)
    )
    assert plan.doubts == ()


def test_a_remark_called_note_is_kept_as_found(tmp_path: Path) -> None:
    rows, plan = read(tmp_path / "a.csv", "Note;Avis", ["vu au cinema"] * 3, OPINIONS)
    assert [row["given_rating"] for row in rows] == [None] * 3
    assert [(doubt.field, doubt.column) for doubt in plan.doubts] == [("given_rating", "Note")]


@pytest.mark.parametrize("marks", [["1", "3", "6"], ["1", "2", "5"]])
def test_school_marks_of_which_the_lowest_is_best_stay_in_doubt(tmp_path: Path, marks: list[str]) -> None:
    _, plan = read(tmp_path / "a.csv", "Note;Rezension", marks, OPINIONS)
    assert (plan.ratings, [doubt.field for doubt in plan.doubts]) == (None, ["given_rating"])


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("Note (1-6)", ["1", "3", "6"]),
        ("Note (1 bis 5)", ["1", "2", "5"]),
        ("Note", ["1,3", "5,7", "5,7"]),
        ("Note (1-6)", ["0", "1", "6"]),
        ("Note (max. 6)", ["1", "6", "6"]),
    ],
)
def test_marks_beside_a_german_text_may_be_best_at_the_lowest(
    tmp_path: Path, name: str, marks: list[str]
) -> None:
    _, plan = read(tmp_path / "a.csv", f"{name};Kommentar", marks, OPINIONS)
    assert (plan.ratings, [doubt.reason for doubt in plan.doubts]) == (None, [MARKS])


@pytest.mark.parametrize(
    ("header", "marks"),
    [
        ("Note;Kommentar", ["8", "2", "9"]),
        ("Note (1-10);Kommentar", ["1", "2", "6"]),
        ("Note (1-5);Avis", ["1", "2", "5"]),
        ("Note (1-5 Sterne);Kommentar", ["1", "2", "5"]),
        ("Note (1 = schlecht, 5 = sehr gut);Kommentar", ["1", "2", "5"]),
        ("Note (0-5);Kommentar", ["0", "2", "5"]),
    ],
)
def test_marks_beyond_those_of_german_schools_and_of_others_are_ratings(
    tmp_path: Path, header: str, marks: list[str]
) -> None:
    _, plan = read(tmp_path / "a.csv", header, marks, OPINIONS)
    assert (plan.ratings is not None, plan.doubts) == (True, ())


@pytest.mark.parametrize(
    ("text", "stars"),
    [
        ("4,0 von 5 Sternen", 8),
        ("1 von 5", 2),
        ("4 sur 5", 8),
        ("5 su 5 stelle", 10),
        ("3 de 5 estrellas", 6),
    ],
)
def test_ratings_that_state_their_scale_in_another_language_are_read(text: str, stars: float) -> None:
    assert make_rating_parser(RatingScale(0.5, 5, decimal_comma="," in text))(text) == stars


@pytest.mark.parametrize("name", ["Bewertung (1 bis 5)", "Note (sur 5)", "Voto (su 5)", "Sterne (von 5)"])
def test_a_name_may_state_the_scale_in_another_language(name: str) -> None:
    assert find_hint(name) == RatingScale(1, 5)


@given(st.permutations(["Film", "Bewertung", "Kommentar", "Sterne", "Avis", "Note", "Rezension", "Data"]))
def test_the_order_of_the_columns_changes_nothing(names: list[str]) -> None:
    found = recognise_columns(names)
    assert {ours: names[place] for ours, place in found.known.items()} == {
        "movie_id": "Film", "reviewed_at": "Data", "given_rating": "Sterne",
    }  # fmt: skip
    assert [names[place] for place in found.text] == ["Rezension"]
