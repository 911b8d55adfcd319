"""Tests of `run_checks`: the results, also where Great Expectations raises an exception."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_contracts import expectations as engine
from data_contracts.errors import ContractError
from data_contracts.expectations import (
    CheckResult,
    import_expectations,
    require_success,
    run_checks,
    split_by_source,
)

FRAME = pd.DataFrame(
    {"row": [5, 6, 7, 8], "part": ["a", "a", "b", "b"], "stars": [1.0, 11.0, np.nan, 0.5]}, index=[3, 3, 1, 0]
)


def expect_stars(**arguments: Any) -> Any:
    bounds = {"column": "stars", "min_value": 1, "max_value": 10, "meta": {"rule": "stars_in_range"}}
    return import_expectations().ExpectColumnValuesToBeBetween(**bounds | arguments)


def expect_rows(rows: int, rule: str = "row_count", **arguments: Any) -> Any:
    return import_expectations().ExpectTableRowCountToEqual(value=rows, meta={"rule": rule}, **arguments)


def check_one(expectation: Any, index_columns: tuple[str, ...] = ()) -> CheckResult:
    (result,) = run_checks("ratings", FRAME, [expectation], index_columns)
    return result


def test_a_broken_promise_names_values_rows_and_what_was_expected() -> None:
    result = check_one(expect_stars(), ("row",))
    assert not result.success
    assert (result.observed, result.expected) == ("2 of 4 rows broken: 11, 0.5", "1 to 10")
    assert (result.unexpected_count, result.unexpected_rows) == (2, (6, 8))


def test_an_expectation_that_raises_is_a_failed_error_even_as_a_warning_and_leaves_the_others_alone() -> None:
    failing = expect_stars(column="nowhere", severity="warning")
    result, other = run_checks("ratings", FRAME, [failing, expect_rows(4)])
    assert (result.success, result.severity, other.success) == (False, "error", True)
    assert 'column "nowhere"' in result.observed


def test_a_check_prints_nothing_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    engine._open_batches.cache_clear()
    run_checks("ratings", FRAME, [expect_stars()])
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_threads_that_check_at_once_get_their_own_results() -> None:
    def count(rows: int) -> str:
        frame = pd.DataFrame({"stars": [5] * rows})
        return run_checks("ratings", frame, [expect_rows(rows), expect_stars()])[0].observed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, range(1, 13))) == [str(rows) for rows in range(1, 13)]


def test_warnings_let_the_flow_go_on() -> None:
    require_success([check_one(expect_rows(5, severity="warning"))], "nothing to do.")


def test_failed_errors_are_all_listed_with_rows_and_the_next_step() -> None:
    results = run_checks("ratings", FRAME, [expect_stars(), expect_rows(9)], ["row"])
    with pytest.raises(ContractError) as caught:
        require_success(results, "mend the ratings.")
    _, stars, counted, following = str(caught.value).splitlines()
    assert stars.startswith("- ratings: stars_in_range [stars]: observed 2 of 4 rows broken: 11, 0.5; ")
    assert stars.endswith("(rows: 6, 8)")
    assert counted == "- ratings: row_count: observed 4; expected value 9"
    assert following == "Next: mend the ratings."


def test_results_are_split_over_the_sources_of_the_frame() -> None:
    results = run_checks("ratings", FRAME, [expect_stars()])
    split = split_by_source(results, ["x", "x", "y", "z"], ["r1", "r2", "r3", "r4"])
    assert [(each.source_sha256, each.success, each.unexpected_rows) for each in split] == [
        ("x", False, ("r2",)),
        ("y", True, ()),
        ("z", False, ("r4",)),
    ]


def test_a_check_that_raised_fails_for_every_source() -> None:
    results = run_checks("ratings", FRAME, [expect_stars(column="nowhere")])
    split = split_by_source(results, ["x", "x", "y", "y"], [1, 2, 3, 4])
    assert [(each.source_sha256, each.success) for each in split] == [("x", False), ("y", False)]
