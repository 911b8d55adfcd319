"""Reads and checks the lines of evaluation sets, and counts what passed: shared by `behaviour` and `elsewhere`."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ContractError

SETS_DIR = Path(__file__).with_name("evaluation_sets")


@dataclass(frozen=True)
class PassRate:
    """How many tests of a group in an evaluation set were passed, or reviews of it classified correctly."""

    name: str
    """The type of tests, the capability, the kind or the label of reviews; 'all' for all reviews."""
    tests: int
    passed: int

    @property
    def rate(self) -> float:
        """Return the share that was passed, 0 to 1; NaN if there are no tests."""
        return self.passed / self.tests if self.tests else float("nan")


def count_passed(
    groups: Sequence[str], passed: NDArray[np.bool_], names: Iterable[str]
) -> tuple[PassRate, ...]:
    """Count tests and passed tests of each group of an evaluation set, in the order of `names`; skip empty groups."""
    group_of = np.array(groups, dtype=np.str_)
    return tuple(
        PassRate(name, int(chosen.sum()), int(passed[chosen].sum()))
        for name in names
        if (chosen := group_of == name).any()
    )


def require_set_scores(scores: NDArray[np.floating[Any]], texts: int) -> None:
    """Raise `ValueError` unless there is one score from 0 to 1 for each text of an evaluation set."""
    if scores.shape != (texts,):
        raise ValueError(f"one score a text is needed: {texts} texts, scores of shape {scores.shape}")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("scores must be numbers from 0 to 1")


def read_set_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each line of an evaluation set as a dictionary, with its file and line number for error messages."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path.name}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ContractError(f"{where}: is not JSON ({error})") from None
            require_set_rule(isinstance(row, dict), where, "must be a JSON object")
            yield row, where


def require_set_fields(row: dict[str, Any], fields: Mapping[str, type], where: str) -> None:
    """Raise `ContractError` unless a line of an evaluation set has exactly these fields, filled and of these types."""
    require_set_rule(
        row.keys() == fields.keys(), where, f"must have the fields {', '.join(fields)}, no other"
    )
    for field, type_ in fields.items():
        # `type` instead of `isinstance`, since True is an int too.
        require_set_rule(
            type(row[field]) is type_ and row[field] != "",
            where,
            f"{field} must be a filled {type_.__name__}",
        )


def require_distinct_values(path: Path, field: str, values: Sequence[str]) -> None:
    """Raise `ContractError` if a value of a field occurs twice in an evaluation set."""
    twice = sorted(value for value, times in Counter(values).items() if times > 1)
    require_set_rule(not twice, path.name, f"each {field} must occur once, but {twice[:1]} is repeated")


def require_set_rule(holds: bool, where: str, rule: str) -> None:
    """Raise `ContractError` with the place and the rule unless the rule of an evaluation set holds."""
    if not holds:
        raise ContractError(f"{where}: {rule}")
