"""Finds the places of many numbers in a list at once, by hashing in NumPy; some times as fast as a binary search."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SLOTS_A_NUMBER = 4
"""Slots for each number, at least: most numbers are found, or found missing, at the first look."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Spreads numbers over the slots: 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4)."""


@dataclass(frozen=True)
class NumberTable:
    """A hash table with linear probing: a number is in the first slot after its own that was free when it was added."""

    numbers: NDArray[np.int64]
    """[slots] a number of the list, or 0 in a free slot; the number of slots is a power of two."""
    places: NDArray[np.int32]
    """[slots] the place of that number in the list."""

    def find(self, numbers: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the place of each number [n], or -1 if the list does not have it. No number may be 0."""
        slot = _hash(numbers, len(self.numbers))
        held = self.numbers[slot]
        place = np.where(held == numbers, self.places[slot], -1).astype(np.intp)
        (elsewhere,) = np.nonzero((held != numbers) & (held != 0))
        while len(elsewhere):
            slot[elsewhere] = (slot[elsewhere] + 1) & (len(self.numbers) - 1)
            held, sought = self.numbers[slot[elsewhere]], numbers[elsewhere]
            hit = held == sought
            place[elsewhere[hit]] = self.places[slot[elsewhere[hit]]]
            elsewhere = elsewhere[~hit & (held != 0)]
        return place


def make_number_table(numbers: NDArray[np.int64]) -> NumberTable:
    """Make the table of a list of distinct numbers [n], none below 0. The number 0 is left out."""
    slots = 1 << max(1, int(SLOTS_A_NUMBER * len(numbers)).bit_length())
    table = NumberTable(np.zeros(slots, np.int64), np.zeros(slots, np.int32))
    (waiting,) = np.nonzero(numbers)
    slot = _hash(numbers[waiting], slots)
    while len(waiting):
        free = table.numbers[slot] == 0
        # Of several numbers for one free slot the last one gets it.
        table.numbers[slot[free]] = numbers[waiting[free]]
        table.places[slot[free]] = waiting[free]
        left = table.numbers[slot] != numbers[waiting]
        waiting, slot = waiting[left], (slot[left] + 1) & (slots - 1)
    return table


def _hash(numbers: NDArray[np.int64], slots: int) -> NDArray[np.intp]:
    """Return the slot of each number: the first bits of its product with the multiplier."""
    product = numbers.astype(np.uint64) * MULTIPLIER
    return (product >> count_shift(slots)).astype(np.intp)


def count_shift(slots: int) -> np.uint64:
    """Return by how many bits a product is shifted for the first bits to be the number of a slot."""
    return np.uint64(64 - slots.bit_length() + 1)
