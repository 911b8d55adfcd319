"""Mutations of arbitrary bytes, and integers that are likely to break arithmetic."""

import random
from collections.abc import Callable, Sequence

Mutate = Callable[[random.Random, bytes], bytes]

INTERESTING = (
    0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 100, 127, 128, 255, 256, 511, 512, 513, 1000, 1023, 1024,
    4096, 2**15 - 1, 2**15, 2**16 - 1, 2**16, 10**6, 2**20, 2**24, 2**27, 2**28, 2**30, 2**31 - 1, 2**31, 2**32 - 1,
    2**32, 2**33, 2**40, 2**62, 2**63 - 1, -1, -2, -8, -128, -(2**15), -(2**31), -(2**31) - 1, -(2**63),
)  # fmt: skip


def choose_integer(chance: random.Random, before: int = 0) -> int:
    """Return an integer that is a boundary value, or near the previous value."""
    beside = (
        before - 1,
        before + 1,
        before * 2,
        before // 2,
        -before,
        before + 8,
        before ^ 1 << chance.randrange(31),
    )
    return chance.choice(INTERESTING if chance.random() < 0.6 else beside)


def pack_integer(value: int, size: int, order: str) -> bytes:
    """Write an integer into `size` bytes, the bits above them cut off; `order` is 'little' or 'big'."""
    return (value % (1 << 8 * size)).to_bytes(size, "big" if order == "big" else "little")


def choose_span(chance: random.Random, data: bytes) -> tuple[int, int]:
    """Choose a start and an end in the data: mostly short ones, often near its ends."""
    if not data:
        return 0, 0
    near = min(64, len(data))
    start = chance.choice(
        [chance.randrange(len(data)), chance.randrange(near), len(data) - 1 - chance.randrange(near)]
    )
    return start, min(len(data), start + chance.choice([1, 1, 2, 4, 8, 16, chance.randint(1, len(data))]))


def mutate_bytes(chance: random.Random, data: bytes) -> bytes:
    """Apply one of the mutations that are independent of the format."""
    return chance.choice(PLAIN)(chance, data)


def overwrite(data: bytes, start: int, value: bytes) -> bytes:
    """Overwrite bytes; the length stays the same."""
    return data[:start] + value + data[start + len(value) :]


def _flip(chance: random.Random, data: bytes) -> bytes:
    start, end = choose_span(chance, data)
    return data[:start] + bytes(byte ^ 1 << chance.randrange(8) for byte in data[start:end]) + data[end:]


def _delete(chance: random.Random, data: bytes) -> bytes:
    start, end = choose_span(chance, data)
    return data[:start] + data[end:]


def _insert(chance: random.Random, data: bytes) -> bytes:
    start, _ = choose_span(chance, data)
    size = chance.choice([1, 2, 4, 8, 100, 1000])
    new = chance.choice([bytes(size), b"\xff" * size, chance.randbytes(size), b'"' * size, b"\x80" * size])
    return data[:start] + new + data[start:]


def _duplicate(chance: random.Random, data: bytes) -> bytes:
    start, end = choose_span(chance, data)
    return data[:end] + data[start:end] * chance.choice([1, 1, 2, 10]) + data[end:]


def _move(chance: random.Random, data: bytes) -> bytes:
    start, end = choose_span(chance, data)
    place, _ = choose_span(chance, data)
    return overwrite(data, place, data[start:end])[: len(data)]


def _truncate(chance: random.Random, data: bytes) -> bytes:
    start, _ = choose_span(chance, data)
    return data[start:] if chance.random() < 0.2 else data[:start]


def _write_integer(chance: random.Random, data: bytes) -> bytes:
    start, _ = choose_span(chance, data)
    size, order = chance.choice([1, 2, 4, 8]), chance.choice(["little", "big"])
    before = int.from_bytes(data[start : start + size], "little" if order == "little" else "big")
    return overwrite(data, start, pack_integer(choose_integer(chance, before), size, order))


def _fill(chance: random.Random, data: bytes) -> bytes:
    start, end = choose_span(chance, data)
    return data[:start] + chance.choice([b"\0", b"\xff", b" ", b"\n"]) * (end - start) + data[end:]


PLAIN: Sequence[Mutate] = (
    _flip, _flip, _delete, _insert, _duplicate, _move, _truncate, _write_integer, _write_integer, _fill,
)  # fmt: skip
