"""Tests that each rule of the archive contract passes for correct counts and fails for wrong ones."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from data_contracts.archive import EXPECTED_REVIEWS, FOLDERS, RATINGS_BY_LABEL, FolderCount, check_archive
from data_contracts.errors import ContractError
from data_contracts.expectations import CheckResult, require_success


def make_folders(dataset: str = "stanford") -> list[FolderCount]:
    expected = EXPECTED_REVIEWS.get(dataset, {})
    folders = []
    for split, label in FOLDERS:
        lowest, highest = RATINGS_BY_LABEL[label]
        reviews = expected.get((split, label), 7)
        folders.append(
            FolderCount(split, label, reviews, reviews, lowest, highest, expected.get((split, label)))
        )
    return folders


def change_test_pos(**changes: Any) -> list[FolderCount]:
    folders = make_folders()
    folders[3] = dataclasses.replace(folders[3], **changes)
    return folders


def failed_rules(results: Sequence[CheckResult]) -> set[str]:
    return {result.rule for result in results if not result.success}


@pytest.mark.slow
def test_the_published_counts_pass_every_rule() -> None:
    results = check_archive(make_folders())
    assert {result.rule for result in results} == BROKEN.keys()
    assert failed_rules(results) == set()
    assert {(result.boundary, result.severity) for result in results} == {("archive", "error")}


BROKEN: dict[str, Callable[[], list[FolderCount]]] = {
    "folders_unique": lambda: [*make_folders(), make_folders()[3]],
    "folders_complete": lambda: make_folders()[:4],
    "folder_not_empty": lambda: change_test_pos(
        reviews=0, urls=0, lowest_rating=None, highest_rating=None, expected_reviews=None
    ),
    "reviews_as_published": lambda: change_test_pos(reviews=12_499, urls=12_499),
    "urls_match_reviews": lambda: change_test_pos(urls=12_501),
    "lowest_rating_fits_label": lambda: change_test_pos(lowest_rating=6),
    "highest_rating_fits_label": lambda: change_test_pos(highest_rating=11),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_promise_fails_its_own_rule_alone(rule: str) -> None:
    assert failed_rules(check_archive(BROKEN[rule]())) == {rule}


def test_a_failure_names_the_folder_and_the_next_step() -> None:
    with pytest.raises(ContractError, match=r"urls_match_reviews.*\('test', 'pos'\)") as failure:
        require_success(check_archive(change_test_pos(urls=3)), "fetch it anew")
    assert "fetch it anew" in str(failure.value)
