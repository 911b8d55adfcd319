"""The engine of the contracts: runs Great Expectations on a frame in memory and returns plain results.

Every boundary checks through `run_checks`; the rules of a boundary are in its own module. The library starts
once per process, on first use (about 2 s), and writes no files and no progress bars. Create expectations
from `import_expectations()`, which hides the library's warnings at import from the user.
A run costs some 6 ms per expectation and hardly more for more rows. Pass small frames of computed
numbers and booleans, not texts.
"""

import functools
import logging
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from data_contracts.errors import ContractError
from data_contracts.library_loading import defer_imports, pause_collection

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.expectations.expectation import Expectation

SAMPLES_SHOWN = 5
"""The most rows or values that a message names."""

_HARDLY_USED = ("altair", "scipy.stats")
"""What the library imports for a chart and for tests of distributions, which take two fifths of its start."""
_VALUE_CHARACTERS = 40
_TEXT_CHARACTERS = 300
_DESCRIBED_ELSEWHERE = frozenset(
    ["column", "column_A", "column_B", "column_list", "batch_id", "min_value", "max_value"]
)
# The context holds one frame at a time, and flows run tasks in threads.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class CheckResult:
    """The result of one expectation for one frame, or for one source file if `source_sha256` is given."""

    boundary: str
    rule: str
    """The project's short name of the rule, such as `score_in_range`."""
    expectation: str
    """The expectation's type, such as `expect_column_values_to_be_between`."""
    columns: str
    severity: str
    """'error' stops the run or refuses the data; 'warning' is recorded and shown."""
    success: bool
    observed: str
    expected: str
    unexpected_count: int
    unexpected_rows: tuple[Any, ...] = ()
    """The failed rows: their values of the index column, or tuples for several columns, in the frame's order."""
    source_sha256: str | None = None
    source: str | None = None
    """The source of the rows, where the check depends on it; None for all other checks."""


_IMPORTING = threading.Lock()


@functools.cache
def import_expectations() -> Any:
    """Return the module `great_expectations.expectations`, imported without its deprecation warnings."""
    # One thread at a time: what Python does with warnings is a matter of the whole process, so that two would each
    # bring back what the other has set, and a thread that waits for an import that fails gets half of it.
    with _IMPORTING, warnings.catch_warnings(), pause_collection(), defer_imports(*_HARDLY_USED):
        warnings.simplefilter("ignore")
        import great_expectations.expectations as expectations

        # The library redirects every warning of the process to the log: undo that.
        logging.captureWarnings(False)
        # Hide its messages about temporary folders.
        logging.getLogger("great_expectations").setLevel(logging.WARNING)
    return expectations


def run_checks(
    boundary: str,
    frame: "pd.DataFrame",
    expectations: Sequence["Expectation"],
    index_columns: Sequence[str] = (),
) -> list[CheckResult]:
    """Check `frame` and return one result per expectation, in their order.

    Each expectation has `meta={"rule": name}` and, where the generated description is unclear,
    `"expected": words`. Severity "warning" makes it a warning, any other an error. Failed rows are named by
    their values in `index_columns`, or by position from 0 without index columns. An expectation that raises
    an exception is a failed error whose `observed` has the exception's text.
    """
    # With its position in its meta, because results come back in another order.
    placed = [
        each.copy(update={"meta": {**each.meta, "position": position}})
        for position, each in enumerate(expectations)
    ]
    positioned = frame.reset_index(drop=True)
    with _ONE_AT_A_TIME:
        found = _validate(positioned, placed)
    columns = [positioned[name].tolist() for name in index_columns] or [list(range(len(positioned)))]
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    return [_read_result(boundary, found[position], keys) for position in range(len(placed))]


def require_success(results: Sequence[CheckResult], next_step: str) -> None:
    """Raise a `ContractError` that lists every failed error among `results` and ends with `next_step`."""
    failed = [result for result in results if not result.success and result.severity == "error"]
    if failed:
        lines = [f"- {describe_failure(result)}" for result in failed]
        raise ContractError("\n".join(["A contract is broken:", *lines, f"Next: {next_step}"]))


def describe_failure(result: CheckResult) -> str:
    """Describe a failed expectation in one line: boundary, source, rule, observed, expected, and the first rows."""
    name = result.source or result.source_sha256
    of_source = f" of source {name}" if name else ""
    columns = f" [{result.columns}]" if result.columns else ""
    rows = ", ".join(map(str, result.unexpected_rows[:SAMPLES_SHOWN]))
    more = ", ..." if len(result.unexpected_rows) > SAMPLES_SHOWN else ""
    where = f" (rows: {rows}{more})" if rows else ""
    promise = f"{result.boundary}{of_source}: {result.rule}{columns}"
    return f"{promise}: observed {result.observed}; expected {result.expected}{where}"


def split_by_source(
    results: Sequence[CheckResult], sources: Sequence[str | None], row_names: Sequence[Any]
) -> list[CheckResult]:
    """Split the results of one frame by source: return one result per source and expectation.

    `results` name their failed rows by position. `sources` and `row_names`, [n] each, have the source and the name of
    each row of the frame. A result that failed without naming rows fails for each source.
    """
    broken: dict[tuple[str | None, int], list[Any]] = {}
    for order, result in enumerate(results):
        for position in result.unexpected_rows:
            broken.setdefault((sources[position], order), []).append(row_names[position])
    found = list(dict.fromkeys(sources)) or [None]
    return [
        _narrow(result, tuple(broken.get((source, order), ())), source, alone=len(found) == 1)
        for source in found
        for order, result in enumerate(results)
    ]


def count_rows(result: CheckResult, rows: tuple[Any, ...]) -> CheckResult:
    """Return a copy of `result` in which exactly `rows` break its rule."""
    observed = f"{len(rows)} broken"
    return replace(
        result, success=not rows, observed=observed, unexpected_count=len(rows), unexpected_rows=rows
    )


def _narrow(result: CheckResult, rows: tuple[Any, ...], source: str | None, alone: bool) -> CheckResult:
    """Return a result of the whole frame as that of one source, with the rows of that source."""
    # For a single source the original `observed` is still right, and it shows the values.
    whole = alone or (not result.success and not result.unexpected_rows)
    narrowed = replace(result, unexpected_rows=rows) if whole else count_rows(result, rows)
    return replace(narrowed, source_sha256=source)


@functools.cache
def _open_batches() -> Any:
    """Start the library in memory; return the batch definition that turns a frame into a batch."""
    import_expectations()
    import great_expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.analytics_enabled = False
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _validate(frame: "pd.DataFrame", placed: Sequence["Expectation"]) -> dict[int, Any]:
    """Run the expectations; return each raw result by the position of its expectation."""
    batches = _open_batches()
    import great_expectations

    suite = great_expectations.ExpectationSuite(name="checks", expectations=list(placed))
    batch = batches.get_batch({"dataframe": frame})
    # Without index columns the library returns positions, 100 times faster than values of columns.
    result_format = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
    report = batch.validate(suite, result_format=result_format)
    return {result.expectation_config.meta["position"]: result for result in report.results}


def _read_result(boundary: str, raw: Any, keys: Sequence[Any]) -> CheckResult:
    """Turn the library's raw result of an expectation into a plain one."""
    config = raw.expectation_config
    exception = _find_exception(raw.exception_info)
    severity = "warning" if config.severity == "warning" and not exception else "error"
    return CheckResult(
        boundary=boundary,
        rule=config.meta["rule"],
        expectation=config.type,
        columns=", ".join(
            [
                *(config.kwargs[key] for key in ("column", "column_A", "column_B") if key in config.kwargs),
                *config.kwargs.get("column_list", []),
            ]
        ),
        severity=severity,
        success=bool(raw.success) and not exception,
        observed=f"an exception: {exception}" if exception else _describe_observed(raw.result),
        expected=config.meta.get("expected") or _describe_expected(config.type, config.kwargs),
        unexpected_count=int(raw.result.get("unexpected_count") or 0),
        unexpected_rows=tuple(keys[position] for position in raw.result.get("unexpected_index_list") or ()),
    )


def _find_exception(info: Mapping[str, Any]) -> str:
    """Return the text of the exception that an expectation raised, '' if none. The library has two shapes of `info`."""
    if not info:
        return ""
    entries = [info] if "raised_exception" in info else list(info.values())
    raised = [entry for entry in entries if entry["raised_exception"]]
    return _shorten(str(raised[0]["exception_message"]) or "no message", _TEXT_CHARACTERS) if raised else ""


def _describe_observed(found: Mapping[str, Any]) -> str:
    """Describe what an expectation observed, from the library's raw result."""
    if "element_count" not in found:
        value = found.get("observed_value")
        return "no value" if value is None else _shorten(_to_words(value), _TEXT_CHARACTERS)
    text = f"{found.get('unexpected_count', 0)} of {found['element_count']} rows broken"
    values = [value for value in found.get("partial_unexpected_list", []) if not isinstance(value, bool)]
    samples = dict.fromkeys(_shorten(_to_words(value)) for value in values)
    shown = ", ".join(list(samples)[:SAMPLES_SHOWN])
    return f"{text}: {shown}" if shown else text


def _describe_expected(expectation: str, kwargs: Mapping[str, Any]) -> str:
    """Describe an expectation's arguments, or its type if it has none."""
    words = [_describe_range(kwargs)]
    words += [
        f"{key} {_to_words(value)}"
        for key, value in kwargs.items()
        if key not in _DESCRIBED_ELSEWHERE and value
    ]
    described = ", ".join(filter(None, words)) or expectation.removeprefix("expect_").replace("_", " ")
    return _shorten(described, _TEXT_CHARACTERS)


def _describe_range(kwargs: Mapping[str, Any]) -> str:
    """Describe the range that an expectation allows."""
    lowest, highest = kwargs.get("min_value"), kwargs.get("max_value")
    if lowest is not None and highest is not None:
        return _to_words(lowest) if lowest == highest else f"{_to_words(lowest)} to {_to_words(highest)}"
    if lowest is not None:
        return f"at least {_to_words(lowest)}"
    return f"at most {_to_words(highest)}" if highest is not None else ""


def _to_words(value: Any) -> str:
    """Format a value for a reader: without numpy types, and without `.0` on whole numbers."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_to_words, value))}]"
    plain = value.item() if hasattr(value, "item") else value
    return str(int(plain)) if isinstance(plain, float) and plain.is_integer() else repr(plain)


def _shorten(text: str, characters: int = _VALUE_CHARACTERS) -> str:
    """Shorten the text of a result."""
    return text if len(text) <= characters else text[: characters - 3] + "..."
