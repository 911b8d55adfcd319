"""Tests of what a refusal says of the columns of a file whose text is not known, and that its names can be given."""

from collections.abc import Sequence

import pytest

from data_contracts.errors import FileRefusedError
from tasks.review_files.column_mapping import require_text, select_columns
from tasks.review_files.inference.text_suggestions import find_parts, sort_likely
from tasks.review_files.plans.reading_plan import ReadingPlan

QUESTION = f"Please name all that comes to your mind if you think of {'the long ' * 10}film, and why it does"
HOTEL = [
    "Review_Date",
    "Negative_Review",
    "Review_Total_Negative_Word_Counts",
    "Positive_Review",
    "Hotel_Name",
]


def describe(names: Sequence[str], plan: ReadingPlan | None = None) -> str:
    """Return what the refusal of a file without a text column says."""
    plan = plan or ReadingPlan()
    with pytest.raises(FileRefusedError) as caught:
        require_text(select_columns(names, plan), names, plan)
    return caught.value.detail


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (HOTEL, ("Negative_Review", "Positive_Review")),
        (["Review title", "Positive review", "Negative review"], ("Positive review", "Negative review")),
        (["firm", "pros", "cons", "senior_mgmt"], ("pros", "cons")),
        (
            ["Title", "What do you like best about it?", "What do you dislike about it?"],
            ("What do you like best about it?", "What do you dislike about it?"),
        ),
        (["likedText", "dislikedText"], ("likedText", "dislikedText")),
        (["Liked count", "Disliked count"], None),
        (["Good acting", "Bad acting", "Good music"], None),
        (["Pros and cons", "Rank"], None),
        (["a", "b"], None),
    ],
)
def test_two_columns_that_say_what_was_liked_and_what_was_not_are_found(
    names: list[str], parts: tuple[str, str] | None
) -> None:
    assert find_parts(names) == parts


def test_the_refusal_says_how_to_join_two_columns() -> None:
    said = describe(["No", "Liked it", "Disliked it"])
    assert "reviews sources init NAME FILE --text 'Liked it' --text 'Disliked it'" in said


def test_columns_that_a_profile_names_are_not_to_be_joined_in_another_way() -> None:
    assert "--text " not in describe(["Liked", "Disliked"], ReadingPlan(text=("Body",)))


def test_of_many_columns_those_that_may_have_texts_are_shown_first() -> None:
    names = [*(f"column {number}" for number in range(20)), "Review date", "Our opinion", QUESTION[:60]]
    assert sort_likely(names)[:3] == ["Our opinion", QUESTION[:60], "column 0"]
    said = describe(names)
    assert said.startswith(f"none of the columns 'Our opinion', '{QUESTION[:60]}', 'column 0',")
    assert "'column 9' and 11 more is" in said


def test_few_columns_are_shown_in_their_order() -> None:
    assert describe(["No", "Our opinion"]).startswith("none of the columns 'No', 'Our opinion' is")


def test_a_long_name_is_cut_with_a_mark_and_can_be_given_as_it_is_shown() -> None:
    names = ["No", QUESTION, "Stars"]
    shown = f"{QUESTION[:80]}…"
    assert f"'{shown}'" in describe(names)
    plan = ReadingPlan(text=(shown,), known_names=False)
    columns = select_columns(names, plan)
    require_text(columns, names, plan)
    assert columns.known["text"] == 1


@pytest.mark.parametrize("given", ["…", "Please n…", QUESTION[:80], "Please x…"])
def test_a_cut_name_is_of_no_column_unless_one_alone_begins_so(given: str) -> None:
    names = [QUESTION, f"{QUESTION} too"]
    assert "text" not in select_columns(names, ReadingPlan(text=(given,))).known


def test_a_name_that_ends_with_the_mark_of_a_cut_is_itself_first() -> None:
    names = ["Please go on", "Please…"]
    assert select_columns(names, ReadingPlan(text=("Please…",))).known["text"] == 1
