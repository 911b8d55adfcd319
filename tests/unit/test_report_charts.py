"""Tests of charts: colours and font of the page, series distinguishable without colour, every figure in a table."""

import re

from tasks.pages.svg_charts import Caption, Chart, Series, draw_bars, draw_lines

LABELS = ["a", "b <c> & d"]


def draw(name: str = "scores", series: int = 2) -> Chart:
    bars = [Series(f"series {number}", [1.0, float(number)]) for number in range(series)]
    return draw_bars(Caption(name, "Title & more", "Says <this>.", ("x", "y")), LABELS, bars, str)


def test_a_chart_has_the_pages_colours_and_no_others() -> None:
    svg = draw().svg
    assert {"currentColor", "var(--muted)", "var(--line)", "var(--series-1)", "var(--series-2)"} <= set(
        re.findall(r"currentColor|var\(--[a-z0-9-]+\)", svg)
    )
    assert not re.search(r"#[0-9a-f]{6}\b", svg)


def test_a_chart_says_what_it_is_and_escapes_it() -> None:
    svg = draw().svg
    assert '<title id="scores-title">Title &amp; more</title>' in svg
    assert '<desc id="scores-summary">Says &lt;this&gt;.</desc>' in svg
    assert "b &lt;c&gt; &amp; d" in svg


def test_two_charts_on_a_page_share_no_id_and_lead_to_their_own() -> None:
    one, other = draw("one").svg, draw("other").svg
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in (one, other)]
    assert not set(ids[0]) & set(ids[1])
    assert all(len(each) == len(set(each)) for each in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", one) + re.findall(r'href="#([^"]+)"', one)) <= set(ids[0])


def test_series_differ_by_more_than_colour() -> None:
    assert "<pattern" in draw().svg
    assert "<pattern" not in draw(series=1).svg
    lines = [Series(name, [0.1, 0.2], [1, 2]) for name in ("training", "validation")]
    svg = draw_lines(Caption("loss", "Loss", "Falls.", ("epoch", "nats")), lines, ("epoch",), []).svg
    assert "stroke-dasharray" in svg


def test_lying_bars_leave_no_label_out() -> None:
    labels = [f"{number},000 to {number},999" for number in range(9)]
    values = [Series("reviews", [1.0] * 9)]
    caption = Caption("lengths", "Lengths", "Says this.", ("words", "reviews"))
    chart = draw_bars(caption, labels, values, str, horizontal=True)
    assert set(labels) <= set(re.findall(r">([^<>]+)</text>", chart.svg))
    assert chart.columns == ("words", "reviews")


def test_every_figure_stands_in_the_table() -> None:
    assert (draw().columns, draw().rows) == (
        ("x", "series 0", "series 1"),
        (("a", "1.0", "1.0"), ("b <c> & d", "0.0", "1.0")),
    )
