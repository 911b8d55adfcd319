"""Tests of what a run says of a source that is new."""

import pytest

from data_contracts.expectations import CheckResult
from tasks.sources.accuracy import describe_expectations
from tests.support.filled_tables import fill_tables
from tests.support.report_homes import NEXT_RUN, RUN
from tests.support.warehouse_parts import PartFile

UNLIKE = CheckResult("drift", "score_like_held_out", "expect_x", "score", "warning", False, "0.3", "0.1", 1)


@pytest.mark.parametrize(("run_id", "told"), [(RUN, ["shop"]), (NEXT_RUN, [])])
def test_a_source_of_other_reviews_than_the_archives_is_told_once_what_accuracy_to_expect(
    run_id: str, told: list[str]
) -> None:
    with fill_tables() as tables:
        tables.promote()
        for number, each in enumerate((RUN, NEXT_RUN)):
            tables.run([PartFile(f"{number}.csv", [{}], ledger={"source": "shop"})], each)
        said = describe_expectations(tables.connection, [run_id], [UNLIKE])
    assert [words.partition(":")[0] for words in said] == told
    assert all(
        "called 80.0% right" in words and "reviews models label --source shop" in words for words in said
    )
