"""Draws the charts of the overview: what came in, and how share positive, accuracy and drift went, by source."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from tasks.pages.formatting import NO_VALUE, cut_name, format_number, format_share
from tasks.pages.svg_charts import Caption, Chart, LineStyle, Series, draw_bars, draw_lines
from tasks.site.overview_facts import Timeline, name_period
from tasks.support.wording import count

SERIES_SHOWN = 3
"""Most sources in a chart, since more lines can't be told apart; the table of sources has all."""
NAME_SHOWN = 18
"""Most characters of a source's name in a legend."""


def draw_timeline(timeline: Timeline, sources: Sequence[str]) -> tuple[Chart, ...]:
    """Draw the figures over time, of the first of `sources` by name; none where they would have a single point."""
    if len(timeline.periods) < 2:
        return ()
    shown = sources[:SERIES_SHOWN]
    return (
        _draw_arrived(timeline),
        _draw_shares(timeline, timeline.positive, shown, ("positive", "Share positive", "share positive")),
        *_draw_accuracy(timeline, shown),
        *_draw_drifted(timeline),
    )


def _draw_arrived(timeline: Timeline) -> Chart:
    """Draw the number of rows that came in."""
    came = timeline.arrived.get(None, {})
    values = [came.get(period, 0) for period in timeline.periods]
    summary = (
        f"{count(sum(values), 'row')} came in, {max(values):,} of them in the {timeline.step} with the most."
    )
    caption = Caption("arrived", "Reviews that came in", summary, (timeline.step, "rows"))
    return draw_bars(caption, _name_periods(timeline), [Series("rows", values)], format_number)


def _draw_accuracy(timeline: Timeline, shown: Sequence[str]) -> tuple[Chart, ...]:
    """Draw how often the model agrees with the writers, if writers gave a verdict in at least two periods."""
    judged = {period for values in timeline.accuracy.values() for period in values}
    named = [source for source in shown if source in timeline.accuracy]
    if len(judged) < 2 or not named:
        return ()
    return (
        _draw_shares(timeline, timeline.accuracy, named, ("accuracy", "Called right", "share called right")),
    )


def _draw_shares(
    timeline: Timeline,
    found: Mapping[str | None, Mapping[date, Any]],
    shown: Sequence[str],
    names: tuple[str, str, str],
) -> Chart:
    """Draw a share over time, a line for each source shown; `names` are the chart's id, title and y axis."""
    name, title, axis = names
    columns = [_read_line(timeline, found.get(source, {})) for source in shown]
    labels = _name_periods(timeline)
    last = next((value for value in reversed(columns[0]) if value is not None), None)
    of_whom = "" if len(shown) == 1 else f" for {cut_name(shown[0], NAME_SHOWN)}"
    summary = f"{format_share(last)}{of_whom} in the last {timeline.step} shown."
    series = [_make_line(source, values) for source, values in zip(shown, columns, strict=True)]
    rows = _tabulate(labels, columns, format_share)
    style = LineStyle(labels=labels, is_share=True, markers=len(labels) <= 2 * SERIES_SHOWN)
    head = (timeline.step, *(each.label for each in series))
    return draw_lines(Caption(name, title, summary, (timeline.step, axis)), series, head, rows, style)


def _make_line(source: str, values: Sequence[float | None]) -> Series:
    """Return the line of a source through the periods that have a value."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    return Series(cut_name(source, NAME_SHOWN), [value for _, value in known], [place for place, _ in known])


def _draw_drifted(timeline: Timeline) -> tuple[Chart, ...]:
    """Draw how many measures drifted, if drift was checked at all."""
    if not timeline.drifted:
        return ()
    named = sorted(str(name) for name in timeline.drifted)
    columns = [[timeline.drifted[name].get(period, 0) for period in timeline.periods] for name in named]
    total = sum(map(sum, columns))
    summary = (
        "Nothing drifted." if not total else f"Measures were found to have drifted {count(total, 'time')}."
    )
    caption = Caption("drifted", "Drift", summary, (timeline.step, "drifted measures"))
    series = [Series(name, values) for name, values in zip(named, columns, strict=True)]
    return (draw_bars(caption, _name_periods(timeline), series, format_number),)


def _read_line(timeline: Timeline, values: Mapping[date, Any]) -> list[float | None]:
    """Return the value of every period, None where there is none."""
    return [values.get(period) for period in timeline.periods]


def _name_periods(timeline: Timeline) -> list[str]:
    """Return the names of the periods."""
    return [name_period(period, timeline.step) for period in timeline.periods]


def _tabulate(
    labels: Sequence[str], columns: Sequence[Sequence[float | None]], format_value: Callable[[float], str]
) -> list[tuple[str, ...]]:
    """Return the rows of the table below a chart."""
    return [
        (label, *(NO_VALUE if column[place] is None else format_value(column[place]) for column in columns))  # type: ignore[arg-type]
        for place, label in enumerate(labels)
    ]
