"""Tests that the profile that is proposed for a file is what a careful person would write."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError, UsageError
from data_contracts.sources.profile import Profile, parse_profile
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.sources.proposal.proposing import propose
from tasks.sources.proposal.writing import Proposal, change, format_proposal

GOOD, BAD = "It is a lovely film and we enjoyed it", "It was a dull film and a waste of the evening"
TEXTS = [f"{text} and saw it {number} times" for number in range(15) for text in (GOOD, BAD)]
FILMS = [f"Film {number % 5}" for number in range(len(TEXTS))]
STARS = [5, 1, 4, 2, 3] * 6

Draft = Mapping[str, Mapping[str, Any]]


def look_at(folder: Path, columns: Mapping[str, Sequence[Any]]) -> Proposal:
    """Return the proposal for a CSV file with these columns."""
    rows = zip(*columns.values(), strict=True)
    return look_at_bytes(folder, "a.csv", write_csv([list(columns), *map(list, rows)]))


def look_at_bytes(folder: Path, name: str, content: bytes, text: Sequence[str] = ()) -> Proposal:
    path = folder / name
    path.write_bytes(content)
    return propose(path, text, {})


def write_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def test_the_text_is_the_column_with_prose(tmp_path: Path) -> None:
    found = look_at(tmp_path, {"Kino": FILMS, "Eindruck": TEXTS, "Stadt": ["Ulm", "Bonn", "Kiel"] * 10})
    assert found.draft["columns"]["text"] == ["Eindruck"]


def test_pros_and_cons_are_one_text(tmp_path: Path) -> None:
    cons = [f"the seats and the sound {number}" for number in range(30)]
    found = look_at(tmp_path, {"Positive_Review": TEXTS, "Negative_Review": cons})
    assert found.draft["columns"]["text"] == ["Positive_Review", "Negative_Review"]


def test_a_title_that_differs_in_each_row_and_does_not_judge_is_asked_for(tmp_path: Path) -> None:
    names = [f"Harbour {number}" for number in range(30)]
    found = look_at(tmp_path, {"title": names, "text": TEXTS})
    assert found.draft["columns"]["movie_id"] == "title"
    [question] = found.questions
    [_, headline] = question.answers.values()
    assert change(found.draft, headline)["columns"] == {"text": ["title", "text"]}


@pytest.mark.parametrize("name", ["Anime Title", "restaurant_name", "placeInfo.name"])
def test_a_column_whose_values_repeat_and_name_a_thing_is_the_movie(tmp_path: Path, name: str) -> None:
    assert look_at(tmp_path, {name: FILMS, "review": TEXTS}).draft["columns"]["movie_id"] == name


@pytest.mark.parametrize(
    ("labels", "positive", "negative"),
    [
        (["pos", "neg"], ["pos"], ["neg"]),
        (["Not Recommended", "Recommended"], ["recommended"], ["not recommended"]),
    ],
)
def test_words_that_judge_are_labels_whatever_the_name_of_their_column(
    tmp_path: Path, labels: list[str], positive: list[str], negative: list[str]
) -> None:
    found = look_at(tmp_path, {"x": labels * 15, "text": TEXTS}).draft
    assert found["columns"]["given_label"] == "x"
    assert found["labels"] == {"positive": positive, "negative": negative}


@pytest.mark.parametrize(
    ("name", "labels"), [("Liked", [1, 0]), ("label", ["1", "-1"]), ("target", [2, 1]), ("sentiment", [0, 1])]
)
def test_numbers_in_a_column_of_judgements_are_labels_and_the_texts_say_which_is_positive(
    tmp_path: Path, name: str, labels: list[Any]
) -> None:
    found = look_at(tmp_path, {name: labels * 15, "text": TEXTS})
    assert found.draft["labels"] == {"positive": [str(labels[0])], "negative": [str(labels[1])]}
    assert not found.questions


def test_labels_that_the_texts_do_not_tell_apart_are_asked_for(tmp_path: Path) -> None:
    found = look_at(tmp_path, {"label": [1, 0] * 15, "text": [f"{GOOD} {number}" for number in range(30)]})
    assert found.draft["labels"]["positive"] == ["1"]
    [question] = found.questions
    assert {"columns.given_label": None} in question.answers.values()


@pytest.mark.parametrize(
    ("ratings", "scale"),
    [
        ([0.5, 4.5, 3, 5, 2], {"lowest": 0.5, "highest": 5}),
        ([1, 5, 4, 3, 2], {"lowest": 1, "highest": 5}),
        ([0, 95, 80, 31, 62], {"lowest": 0, "highest": 100}),
        (["4 stars", "1 star", "5 stars", "2 stars", "3 stars"], {"lowest": 1, "highest": 5}),
        (["4,5", "1,0", "5,0", "2,5", "3,0"], {"lowest": 0.5, "highest": 5, "decimal_comma": True}),
        (["8/10", "2/10", "5/10", "10/10", "1/10"], None),
    ],
)
def test_the_ratings_show_their_scale(tmp_path: Path, ratings: list[Any], scale: Any) -> None:
    found = look_at(tmp_path, {"rating": ratings * 6, "text": TEXTS})
    assert found.draft["columns"]["given_rating"] == "rating"
    assert found.draft.get("rating") == scale
    assert not found.questions


def test_a_scale_whose_lowest_number_is_the_best_is_known_by_the_texts_and_asked_for(tmp_path: Path) -> None:
    found = look_at(tmp_path, {"text": TEXTS, "Note": [1, 5, 2, 6, 1, 4] * 5})
    words = {str(each): 7 - each for each in range(1, 7)}
    assert found.draft["rating"] == {"lowest": 1, "highest": 6, "words": words}
    assert {"rating": {"lowest": 1, "highest": 6}} in found.questions[0].answers.values()


@pytest.mark.parametrize(
    ("dates", "style"),
    [
        (["2024-01-31", "31 Jan 2024"], None),
        (["01/12/2024", "31/01/2024"], "day-first"),
        (["01/12/2024", "01/31/2024"], "month-first"),
        (["07 2023", "12 2023"], "%m %Y"),
    ],
)
def test_the_order_of_dates_follows_from_all_rows(
    tmp_path: Path, dates: list[str], style: str | None
) -> None:
    found = look_at(tmp_path, {"date": dates * 15, "text": TEXTS})
    assert found.draft["columns"]["reviewed_at"] == "date"
    assert found.draft.get("dates") == (style and {"format": style})
    assert not found.questions


def test_an_open_order_of_dates_is_asked_for(tmp_path: Path) -> None:
    found = look_at(tmp_path, {"date": ["03.04.2024", "05.06.2024"] * 15, "text": TEXTS})
    assert found.draft["dates"] == {"format": "day-first"}
    assert {"dates": {"format": "month-first"}} in found.questions[0].answers.values()


@pytest.mark.parametrize("nothing", ["No Negative", "Warning: Spoilers", "2019-10-05", "Keine Angabe"])
def test_texts_that_say_nothing_stand_for_none(tmp_path: Path, nothing: str) -> None:
    found = look_at(tmp_path, {"text": [*TEXTS, nothing, nothing], "x": range(5, 37)}).draft
    assert found["rows"]["no_text"] == [nothing]


def test_the_header_is_the_row_below_the_titles(tmp_path: Path) -> None:
    rows = [["Report of May"], ["made by Ann"], ["Film", "Comment"], *zip(FILMS, TEXTS, strict=True)]
    found = look_at_bytes(tmp_path, "a.csv", write_csv(rows)).draft
    assert (found["file"], found["columns"]["text"]) == ({"header": 3}, ["Comment"])


def test_a_table_that_is_called_txt_has_a_format(tmp_path: Path) -> None:
    content = "film\tcomment\n" + "".join(
        f"{film}\t{text}\n" for film, text in zip(FILMS, TEXTS, strict=True)
    )
    found = look_at_bytes(tmp_path, "a.txt", content.encode()).draft
    assert (found["file"]["format"], found["columns"]["text"]) == ("tsv", ["comment"])


@pytest.mark.parametrize(
    ("name", "content", "step"),
    [
        ("a.txt", "A fine film, I say.\nIt was long.\n", "drop such files into the inbox"),
        ("a.csv", "text,1\n" + f"{TEXTS[0]},0\n" * 5, "write a line with the"),
        ("a.csv", "text stars\n" + "Fine film,5\n" * 9, "mend that line"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: str, step: str
) -> None:
    with pytest.raises(UsageError, match=step):
        look_at_bytes(tmp_path, name, content.encode())


def test_a_table_without_reviews_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError, match="text_column_missing"):
        look_at(tmp_path, {"Game": [f"The War of {number}" for number in range(30)], "score": STARS})


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
def test_the_encoding_is_that_which_gives_usual_characters(tmp_path: Path, encoding: str) -> None:
    content = "text,film\n" + "".join(
        f"Un café – “{text}”,{film}\n" for text, film in zip(TEXTS, FILMS, strict=True)
    )
    found = look_at_bytes(tmp_path, "a.csv", content.encode(encoding)).draft
    assert found["file"] == {"encoding": encoding}


@pytest.mark.process
def test_the_array_with_the_texts_is_named_and_others_are_asked_for(tmp_path: Path) -> None:
    reviews = [{"comment": text} for text in TEXTS]
    content = json.dumps({"users": [{"age": 5}], "data": {"new": reviews}, "old": reviews[:9]})
    found = look_at_bytes(tmp_path, "a.json", content.encode())
    assert found.draft["file"] == {"json_path": "data.new"}
    assert {"file": {"json_path": "old"}} in found.questions[0].answers.values()


def test_a_text_that_the_user_names_is_taken(tmp_path: Path) -> None:
    rows = [["note", "comment"], *([f"n{number}", text] for number, text in enumerate(TEXTS))]
    found = look_at_bytes(tmp_path, "a.csv", write_csv(rows), ["comment", "note"])
    assert found.draft["columns"]["text"] == ["comment", "note"]


NAMES = st.sampled_from(
    ["text", "review", "title", "rating", "label", "date", "id", "movie", "Unnamed: 0", "Was?", "'", "a', 'b"]
)
VALUES = st.one_of(
    st.sampled_from(
        ["", "5", "4,5", "8/10", "pos", "neg", "1", "0", "2024-01-31", "31/12/2024", "nan", "★★", *TEXTS[:4]]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12),
)


@given(st.data())
def test_whatever_the_table_it_is_refused_or_read_by_what_is_proposed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.one_of(NAMES, VALUES), min_size=1, max_size=5))
    rows = data.draw(st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), max_size=8))
    folder = tmp_path_factory.mktemp("drawn")
    try:
        found = look_at_bytes(folder, "a.csv", write_csv([names, *rows]))
    except (FileRefusedError, UsageError):
        return
    profile = folder / "shop.toml"
    profile.write_text(format_proposal(found, "shop", "a.csv"), "utf-8")
    stated = parse_profile(profile)
    assert stated == Profile.model_validate(found.draft)
    assert (
        sum(batch.num_rows for batch in read_review_file(folder / "a.csv", ReadOptions(profile=stated))) >= 0
    )


def test_a_table_without_names_gets_numbered_ones_by_which_all_its_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{text}\t{1 - place % 2 * 2}.0\n" for place, text in enumerate(TEXTS)))
    draft = propose(path, [], {}).draft
    assert (draft["columns"], draft["file"]["header"]) == (
        {"text": ["column_1"], "given_label": "column_2"},
        0,
    )
    profile = Profile.model_validate(draft)
    rows = [
        row for batch in read_review_file(path, ReadOptions(profile=profile)) for row in batch.to_pylist()
    ]
    assert [row["text"] for row in rows] == TEXTS
    assert [row["given_label"] for row in rows] == ["positive", "negative"] * (len(TEXTS) // 2)
