"""Tests of the contract of language: what is surely in another language is noticed, English is not."""

import pyarrow as pa
import pytest

from data_contracts.sources.language import judge_language, mark_english
from tests.support.foreign_texts import FOREIGN, OTHER_SCRIPTS

ENGLISH = (
    "Great film!",
    "Love it",
    "Works great especially going grocery store",
    "A touching story, set in a café on the Rue de la Paix in Paris, and very well acted.",
    "Beyoncé rocks",
    "Not as good as La Dolce Vita, but De Niro and Le Roy are fine.",
    "5/5 !!!",
    "ok",
    "😀😀 😀 😀 😀 😀",
    "Robert De Niro, Al Pacino, Val Kilmer, Jon Voight",
    "THIS WAS\nTHE WORST FILM\nOF ALL",
    "It is a m a s t e r p i e c e",
    "It is a m-a-s-t-e-r-p-i-e-c-e!",
    "",
)


@pytest.mark.parametrize("language", FOREIGN)
def test_nearly_all_short_reviews_in_another_language_are_noticed(language: str) -> None:
    assert mark_english(pa.array(FOREIGN[language])).sum() <= len(FOREIGN[language]) // 10


@pytest.mark.parametrize("text", OTHER_SCRIPTS)
def test_a_text_in_another_script_is_noticed_however_short(text: str) -> None:
    assert mark_english(pa.array([text])).tolist() == [False]


def test_a_review_that_goes_on_in_another_language_after_a_line_break_is_noticed() -> None:
    assert mark_english(pa.array(["10/10\n" + " ".join(FOREIGN["German"][:3])])).tolist() == [False]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_names_and_texts_too_short_to_judge_count_as_english(text: str) -> None:
    assert mark_english(pa.array([text])).tolist() == [True]


@pytest.mark.parametrize(("rows", "others", "success"), [(1742, 50, False), (1, 1, False), (1000, 2, True)])
def test_a_file_warns_from_a_small_share_of_rows_on(rows: int, others: int, success: bool) -> None:
    result = judge_language(("0" * 64, "shop-a"), rows, others, "warn")
    assert (result.rule, result.severity, result.success) == ("not_english", "warning", success)
    assert (result.source, result.unexpected_count) == ("shop-a", others)
    assert result.observed == f"{others} of {rows:,} rows are not in English"


@pytest.mark.parametrize("other_languages", ["accept", "quarantine"])
def test_a_source_that_has_decided_is_not_warned(other_languages: str) -> None:
    assert judge_language(("0" * 64, "shop-a"), 10, 10, other_languages).success
