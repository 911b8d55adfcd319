"""The table that finds numbers by hashing: every number of the list at its place, and no other number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.wide_lstm import number_table
from models.wide_lstm.number_table import make_number_table

LARGEST = 2**62


def list_numbers(numbers: set[int]) -> NDArray[np.int64]:
    return np.array(sorted(numbers), np.int64)


@given(st.sets(st.integers(1, LARGEST), max_size=60), st.lists(st.integers(1, LARGEST), max_size=20))
def test_a_number_of_the_list_has_its_place_and_another_has_none(
    numbers: set[int], others: list[int]
) -> None:
    listed = list_numbers(numbers)
    sought = np.concatenate([listed, np.array(others, np.int64)])
    place = {number: at for at, number in enumerate(listed.tolist())}
    assert make_number_table(listed).find(sought).tolist() == [
        place.get(number, -1) for number in sought.tolist()
    ]


def test_numbers_that_share_a_slot_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crowd(numbers: NDArray[np.int64], slots: int) -> NDArray[np.intp]:
        return np.full(len(numbers), slots - 1)

    monkeypatch.setattr(number_table, "_hash", crowd)
    listed = np.arange(1, 30)
    table = make_number_table(listed)
    assert table.find(np.append(listed, 99)).tolist() == [*range(29), -1]


def test_the_number_0_is_not_in_the_table() -> None:
    table = make_number_table(np.array([0, 7], np.int64))
    assert table.find(np.array([7, 8], np.int64)).tolist() == [1, -1]
