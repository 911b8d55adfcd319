"""Tests of the row contract of review files: good rows pass, and each bad row gets one rule."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import ContractError
from data_contracts.expectations import CheckResult
from data_contracts.review_files import check_rows, find_bad_rows, measure_rows, merge_results
from data_contracts.rules_and_limits import FIELD_RULES, ROW_RULES, RowLimits, exceeds_bad_rows
from models.tokenizer import mark_texts_with_words, split_words
from tests.contracts.rows import make_read_rows

LIMITS = RowLimits(max_text_chars=50)
GOOD = "Slow at first, then <br /> rather good."
BROKEN: dict[str, tuple[str | None, str | None]] = {
    "row_shape": (None, "row_shape"),
    "no_review": (None, "no_review"),
    "text_missing": (None, None),
    "text_not_given": (None, "text_not_given"),
    "text_blank": (" \u200b\n", None),
    "text_encoding": (None, "text_encoding"),
    "text_type": (None, "text_type"),
    "text_too_long": ("a" * 51, None),
    "text_nul": ("good\0film", None),
    "text_no_words": ("<br />... !?", None),
}
"""For each row rule a text and a reader's verdict that break it."""


def check_table(rows: pa.Table | pa.RecordBatch) -> tuple[list[CheckResult], dict[int, tuple[str, str]]]:
    return check_rows(measure_rows(rows, mark_texts_with_words(rows["text"])), LIMITS)


def find_rules(texts: list[str | None], **columns: Any) -> dict[int, str]:
    """Return the rule of each bad row by its position."""
    _, bad = check_table(make_read_rows(texts, **columns))
    return {position: rule for position, (rule, _) in bad.items()}


@pytest.mark.parametrize("rule", ROW_RULES)
def test_each_rule_is_broken_by_its_row_and_by_no_other(rule: str) -> None:
    text, verdict = BROKEN[rule]
    results, bad = check_table(make_read_rows([GOOD, text], rule=[None, verdict]))
    assert {position: found for position, (found, _) in bad.items()} == {1: rule}
    failed = [result for result in results if not result.success]
    assert [(each.rule, each.unexpected_count, each.unexpected_rows) for each in failed] == [(rule, 1, (2,))]


def test_arrow_alone_finds_the_same_bad_rows() -> None:
    texts, rules = zip(*BROKEN.values(), strict=True)
    together = "<br /> \0" + "." * 60  # breaks several rules
    rows = make_read_rows(
        [GOOD, *texts, together],
        rule=[None, *rules, None],
        detail=["from the reader", *[None] * (len(texts) + 1)],
    )
    measures = measure_rows(rows, mark_texts_with_words(rows["text"]))
    _, bad = check_table(rows)
    assert len(bad) == len(BROKEN) + 1
    assert find_bad_rows(measures, LIMITS) == bad
    assert find_bad_rows(measures.slice(0, 0), LIMITS) == {}


def test_several_sources_of_one_run_get_results_of_their_own() -> None:
    results, _ = check_table(
        make_read_rows([None, GOOD, "", None], sources=["x", "x", "y", "y"], row_number=[1, 2, 1, 2])
    )
    failed = {(each.source_sha256, each.rule): each.unexpected_rows for each in results if not each.success}
    assert failed == {("x", "text_missing"): (1,), ("y", "text_blank"): (1,), ("y", "text_missing"): (2,)}
    assert len(results) == 2 * len(ROW_RULES | FIELD_RULES)


@pytest.mark.slow
def test_results_of_several_batches_add_up() -> None:
    first, _ = check_table(make_read_rows([None, GOOD], sources=["x", "x"]))
    second, _ = check_table(make_read_rows([GOOD, None], sources=["x", "y"], row_number=[3, 1]))
    third, _ = check_table(make_read_rows([None], sources=["x"], row_number=[4]))
    merged = merge_results([*first, *second, *third])
    missing = {each.source_sha256: each for each in merged if each.rule == "text_missing"}
    assert (missing["x"].unexpected_count, missing["x"].unexpected_rows) == (2, (1, 4))
    assert (missing["y"].unexpected_count, missing["y"].success) == (1, False)
    assert len(merged) == 2 * len(ROW_RULES | FIELD_RULES)


@pytest.mark.parametrize(
    ("rows_read", "rows_bad", "refused"),
    [(0, 0, False), (10, 10, False), (11, 11, True), (55, 11, False), (54, 11, True), (1_000, 200, False)],
)
def test_a_file_is_refused_by_number_and_share_of_bad_rows(
    rows_read: int, rows_bad: int, refused: bool
) -> None:
    assert exceeds_bad_rows(rows_read, rows_bad, RowLimits(max_bad_share=0.2, min_bad_rows=10)) is refused


def test_rows_that_cannot_be_judged_stop_the_flow_rather_than_pass() -> None:
    rows = make_read_rows([GOOD])
    measures = measure_rows(rows, mark_texts_with_words(rows["text"]))
    odd = measures.set_column(measures.column_names.index("characters"), "characters", pa.array(["many"]))
    with pytest.raises(ContractError, match="text_too_long"):
        check_rows(odd, LIMITS)


# A check takes as long for many rows as for few, so there are few lists of many rows.
@pytest.mark.slow
@settings(deadline=None, max_examples=8)
@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=70), st.sampled_from([None, None, None, *ROW_RULES])),
        min_size=20,
        max_size=60,
    )
)
def test_any_row_is_good_or_breaks_exactly_one_known_rule(rows: list[tuple[str | None, str | None]]) -> None:
    results, bad = check_table(make_read_rows([text for text, _ in rows], rule=[rule for _, rule in rows]))
    assert {rule for rule, _ in bad.values()} <= set(ROW_RULES)
    assert all(detail for _, detail in bad.values())
    assert sum(result.unexpected_count for result in results) == len(bad)
    for position, (text, rule) in enumerate(rows):
        assert rule is None or bad[position][0] == rule
        assert position in bad or text is not None


@pytest.mark.slow
@settings(deadline=None, max_examples=8)
@given(
    st.lists(
        st.text(
            alphabet=list("aBé映.!/<> \t\r\n\0\x85\u00a0\u200b\u2028\u2060\u3000\u3164\ufeff"), max_size=60
        ),
        min_size=20,
        max_size=60,
    )
)
def test_a_text_is_good_when_it_fits_and_its_words_can_be_seen(texts: list[str]) -> None:
    def is_good(text: str) -> bool:
        seen = text.translate(
            dict.fromkeys(map(ord, " \t\r\n\x85\u00a0\u200b\u2028\u2060\u3000\u3164\ufeff"))
        )
        return (
            bool(seen) and len(text) <= LIMITS.max_text_chars and "\0" not in text and bool(split_words(text))
        )

    bad = find_rules(list(texts))
    assert [position not in bad for position in range(len(texts))] == [is_good(text) for text in texts]


@pytest.mark.parametrize(("rule", "column"), FIELD_RULES.items())
def test_a_field_that_was_not_understood_is_a_warning_and_its_row_is_good(rule: str, column: str) -> None:
    unclear = json.dumps({"tag": "x", column: "next week"})
    nested = json.dumps({"tag": {column: "next week"}, "said": f'"{column}": 1'})
    results, bad = check_table(make_read_rows([GOOD] * 3, extra=[None, unclear, nested]))
    assert bad == {}
    failed = [(each.rule, each.severity, each.unexpected_rows) for each in results if not each.success]
    assert failed == [(rule, "warning", (2,))]
