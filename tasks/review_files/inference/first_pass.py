"""Surveys a file before its first row is given out: reads rows ahead, and all of a larger file one more time.

The rows read ahead are given out afterwards, so most files are read once. The second reading of a larger file takes
only the columns that are needed and keeps none of its rows. A caller that can start over saves that: the rows read
ahead are taken to be like the others, which are surveyed while they are read.
"""

from collections import deque
from collections.abc import Callable, Iterator

from data_contracts.errors import PlanOutdatedError
from tasks.review_files.grouping_items import group_into_batches
from tasks.review_files.inference.column_facts import FileFacts
from tasks.review_files.inference.inferred_plan import find_facts, has_values, make_plan, require_one_opinion
from tasks.review_files.inference.name_doubts import VALUE_COLUMNS
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import RawRows

MOST_AHEAD = 96 << 20
"""Bytes of rows from which on no more are kept until the plan is made."""
SETTLED_FROM = 4 << 20
"""Those after which a caller that can start over gets the plan, if it leaves nothing in doubt: fewer rows are kept."""
_MOST_GROWTH = 64
"""Bytes of rows, at most, for each byte of a table: even an empty line has a number and a place in each column."""
_MOST_WATCHED, _WATCHED_BYTES = 32, 4 << 20
"""Batches, and bytes of rows, at which those of which none is kept are looked at together."""
_NAME_BYTES = 8
"""Bytes that a batch takes for the name of a column."""


def make_report(options: ReadOptions) -> Callable[[ReadingPlan], None]:
    """Return what reports the plan of a file; it refuses one whose text is unclear, unless a column was named."""

    def report(plan: ReadingPlan) -> None:
        if options.text_column is None:
            require_one_opinion(plan)
        options.report_plan(plan)

    return report


def plan_rows(
    rows: Iterator[RawRows],
    survey: Callable[[], FileFacts] | None,
    report: Callable[[ReadingPlan], object] = lambda plan: None,
) -> tuple[ReadingPlan, Iterator[RawRows]]:
    """Return the plan of a table's rows, and all of its rows; `report` is called with the plan that all rows show.

    `survey` returns the facts of all rows of the table; it is called only if reading ahead does not reach their end.
    With None, the rows then raise `PlanOutdatedError` as soon as they show that the plan is wrong.
    """
    ahead: deque[RawRows] = deque()
    size, next_look = 0, MOST_AHEAD if survey else min(SETTLED_FROM, MOST_AHEAD)
    for batch in rows:
        ahead.append(batch)
        size += _measure(batch)
        if len(ahead) == 1 and not has_values(batch):
            break  # there is nothing to survey
        if size > next_look:
            facts = survey() if survey else find_facts(ahead)
            plan = make_plan(facts)
            if survey:
                report(plan)
                return plan, _give_out(ahead, rows)
            if size > MOST_AHEAD or _is_settled(plan):
                return plan, _give_out(ahead, _watch(rows, facts, plan, report))
            next_look = MOST_AHEAD
    plan = make_plan(find_facts(ahead))
    report(plan)
    return plan, _give_out(ahead, rows)


def _is_settled(plan: ReadingPlan) -> bool:
    """Return whether a plan leaves no values in doubt, so that more rows will hardly change it."""
    return not any(doubt.field in VALUE_COLUMNS for doubt in plan.doubts)


def _watch(
    rows: Iterator[RawRows],
    facts: FileFacts,
    plan: ReadingPlan,
    report: Callable[[ReadingPlan], object],
) -> Iterator[RawRows]:
    """Yield rows as long as `plan` fits them and those with the `facts`; at their end report the plan of all."""
    latest = plan
    for group in group_into_batches(rows, _measure, _MOST_WATCHED, _WATCHED_BYTES):
        merged = facts.merge(find_facts(group))
        if merged != facts:
            facts, latest = merged, make_plan(merged)
            if not latest.reads_like(plan):
                raise PlanOutdatedError(
                    "later rows show that the first ones were read wrongly. Next: run it again."
                )
        yield from group
    report(latest)


def _give_out(ahead: deque[RawRows], rows: Iterator[RawRows]) -> Iterator[RawRows]:
    """Yield the rows that were read ahead, letting go of each, then the others."""
    while ahead:
        yield ahead.popleft()
    yield from rows


def survey_rows(rows: Iterator[RawRows]) -> FileFacts:
    """Return the facts of a table's rows; none if their columns have no values to be surveyed."""
    facts = FileFacts()
    for number, group in enumerate(group_into_batches(rows, _measure, _MOST_WATCHED, _WATCHED_BYTES)):
        if not number and not has_values(group[0]):
            return facts
        facts = facts.merge(find_facts(group))
    return facts


def may_need_survey(size: int) -> bool:
    """Return whether the rows of a table of `size` bytes may take more than is kept while reading ahead."""
    return size * _MOST_GROWTH > MOST_AHEAD


def _measure(batch: RawRows) -> int:
    """Return the bytes of a batch, roughly."""
    arrays = [batch.row_numbers, *batch.known.values(), batch.further]
    return sum(int(array.nbytes) for array in arrays if array is not None) + len(batch.names) * _NAME_BYTES
