"""Surveys a file before its first row is given out: reads rows ahead, and all of a larger file one more time.

The rows read ahead are given out afterwards, so a small file is read once. The second reading of a larger file takes
only the columns that are needed and keeps none of its rows.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import reduce

from tasks.review_files.inference.facts import FileFacts
from tasks.review_files.inference.planning import find_facts, has_values, make_plan
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import RawRows

MOST_AHEAD = 16 << 20
"""Most bytes of rows, roughly, that are kept until the plan is made."""
_BATCH_BYTES, _VALUE_BYTES = 4 << 20, 64
"""Bytes of the texts of a batch, and of any other value, roughly."""


def plan_rows(
    rows: Iterator[RawRows], survey: Callable[[], FileFacts]
) -> tuple[ReadingPlan, Iterator[RawRows]]:
    """Return the plan of a table's rows, and all of its rows.

    `survey` returns the facts of all rows of the table; it is called only if reading ahead does not reach their end.
    """
    ahead: deque[RawRows] = deque()
    size = 0
    for batch in rows:
        ahead.append(batch)
        size += _measure(batch)
        if len(ahead) == 1 and not has_values(batch):
            break  # there is nothing to survey
        if size > MOST_AHEAD:
            return make_plan(survey()), _give_out(ahead, rows)
    plan = make_plan(reduce(FileFacts.merge, map(find_facts, ahead), FileFacts()))
    return plan, _give_out(ahead, rows)


def _give_out(ahead: deque[RawRows], rows: Iterator[RawRows]) -> Iterator[RawRows]:
    """Yield the rows that were read ahead, letting go of each, then the others."""
    while ahead:
        yield ahead.popleft()
    yield from rows


def survey_rows(rows: Iterator[RawRows]) -> FileFacts | None:
    """Return the facts of a table's rows; None if `plan_rows` needs no survey of this table."""
    facts, size = FileFacts(), 0
    for batch in rows:
        if not size and not has_values(batch):
            return None
        facts, size = facts.merge(find_facts(batch)), size + _measure(batch)
    return facts if size > MOST_AHEAD else None


def _measure(batch: RawRows) -> int:
    """Return the bytes of a batch, roughly: the same whether its texts and further columns are kept or not."""
    return _BATCH_BYTES + len(batch.row_numbers) * len(batch.names) * _VALUE_BYTES
