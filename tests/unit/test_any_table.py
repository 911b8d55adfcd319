"""Tests that any valid table, written in any format and encoding, is read back by any profile that describes it."""

import bz2
import io
import json
import lzma
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.sources.profile import Rating, parse_profile
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions
from tasks.reading.table_process import TABLE_FORMATS, find_reader
from tasks.reading.values import parse_rows, to_stars
from tests.support.review_file_builders import ENCODERS, encode_csv, to_gz, to_zip, to_zst
from tests.support.workbook_builders import encode_ods, encode_xls, encode_xlsx

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": to_gz,
    ".zst": to_zst,
    ".bz2": bz2.compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1")
DELIMITERS = (",", ";", "\t", "|", "~")
WORKBOOKS = {"xlsx": encode_xlsx, "ods": encode_ods, "xls": encode_xls}
DATES: dict[str, Callable[[datetime], str]] = {
    "clear": lambda day: f"{day:%Y-%m-%d}",
    "iso": lambda day: f"{day:%Y-%m-%dT%H:%M:%S}",
    "epoch": lambda day: f"{day.replace(tzinfo=UTC).timestamp():.0f}",
    "day-first": lambda day: f"{day.day}/{day.month}/{day.year}",
    "month-first": lambda day: f"{day.month}-{day.day}-{day.year}",
    "%d-%b-%y": lambda day: f"{day:%d-%b-%y}",
}
SCALES = (
    Rating(lowest=1, highest=5),
    Rating(lowest=0, highest=100),
    Rating(lowest=1, highest=10, decimal_comma=True),
    Rating(lowest=-2, highest=2),
)
LABELS = ({"1": "positive", "0": "negative"}, {"Yes": "positive", "no": "negative", "unsure": None})
LETTERS = st.text("ab Zé,;|~'\"<&#=\n", min_size=1, max_size=20).filter(str.strip)


@dataclass(frozen=True)
class Described:
    """How a table is written, and the profile that says so."""

    format: str
    date: str
    zone: str
    scale: Rating
    labels: Mapping[str, str | None]
    encoding: str
    delimiter: str
    packing: str

    def format_profile(self) -> str:
        """Return the profile of the table."""
        means = {
            word: [label for label, ours in self.labels.items() if ours == word]
            for word in ("positive", "negative", None)
        }
        layout = {"encoding": self.encoding} if self.encoding in ("cp1252", "latin-1") else {}
        layout |= {"delimiter": self.delimiter} if self.format == "csv" else {}
        layout |= {"json_path": "reviews"} if self.format == "json" else {}
        return "\n".join(
            [
                '[columns]\ntext = ["Head", "Body"]\nreview_id = "No"\nmovie_id = "Film"\nreviewed_at = "Day"',
                'given_rating = "Points"\ngiven_label = "Mood"',
                f"[dates]\nformat = {json.dumps(self.date)}\ntime_zone = {json.dumps(self.zone)}",
                f"[rating]\nlowest = {self.scale.lowest}\nhighest = {self.scale.highest}",
                f"decimal_comma = {json.dumps(self.scale.decimal_comma)}",
                f"[labels]\npositive = {means['positive']}\nnegative = {means['negative']}\nnone = {means[None]}",
                "[file]",
                *(f"{name} = {json.dumps(value)}" for name, value in layout.items()),
            ]
        )

    def write(self, rows: list[dict[str, str]]) -> bytes:
        """Return the file of the table."""
        if self.format in WORKBOOKS:
            return WORKBOOKS[self.format](rows)
        if self.format in TABLE_FORMATS:
            return ENCODERS[self.format](rows)
        data = encode_csv(rows, self.delimiter) if self.format == "csv" else ENCODERS[self.format](rows)
        return data.decode().encode(self.encoding)


@st.composite
def reviews(draw: st.DrawFn, described: Described) -> tuple[dict[str, str], dict[str, Any]]:
    """Return a review as it is written in a table, and as it is to be read."""
    head, body = draw(LETTERS | st.just("")), draw(LETTERS)
    day = datetime(1975, 1, 1) + timedelta(draw(st.integers(0, 18_000)))
    share = draw(st.integers(0, 8)) / 8
    value = described.scale.lowest + share * (described.scale.highest - described.scale.lowest)
    label = draw(st.sampled_from(sorted(described.labels)))
    written = f"{value:g}".replace(".", "," if described.scale.decimal_comma else ".")
    number, film = draw(st.integers(1, 99)), draw(st.sampled_from(["tt1", "Amélie", ""]))
    zone = UTC if described.date == "epoch" else ZoneInfo(described.zone)
    row = {
        **{"No": f"r{number}", "Film": film, "Head": head, "Body": body, "Day": DATES[described.date](day)},
        **{"Points": written, "Mood": label, "Tag": draw(st.sampled_from(["", "é"]))},
    }
    return row, {
        "review_id": f"r{number}",
        "movie_id": film or None,
        "text": f"{head}\n\n{body}" if head else body,
        "reviewed_at": day.replace(tzinfo=zone).astimezone(UTC),
        "given_rating": to_stars(value, described.scale),
        "given_label": described.labels[label],
        "extra": json.dumps({"Tag": row["Tag"]}, ensure_ascii=False) if row["Tag"] else None,
    }


DESCRIBED = st.builds(
    Described,
    st.sampled_from(["csv", "jsonl", "json", *TABLE_FORMATS]),
    st.sampled_from(sorted(DATES)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.sampled_from(SCALES),
    st.sampled_from(LABELS),
    st.sampled_from(ENCODINGS),
    st.sampled_from(DELIMITERS),
    st.sampled_from([*PACKINGS, ".zip"]),
)


def read(path: Path, data: bytes, described: Described) -> Iterator[pa.RecordBatch]:
    """Read a table by its profile, without the process in which tables are read."""
    profile = path.with_name("shop.toml")
    profile.write_text(described.format_profile(), "utf-8")
    options = ReadOptions(profile=parse_profile(profile))
    if described.format in TABLE_FORMATS:
        for raw in find_reader(described.format)(io.BytesIO(data), 1, options):
            yield parse_rows(raw, pa.nulls(len(raw.row_numbers), pa.string()))
        return
    name = f"a.{described.format}"
    packed = to_zip({name: data}) if described.packing == ".zip" else PACKINGS[described.packing](data)
    file = path.with_name(name + described.packing)
    file.write_bytes(packed)
    yield from read_review_file(file, options)


@pytest.mark.slow
@given(st.data(), DESCRIBED)
def test_any_table_is_read_back_by_a_profile_that_describes_it(
    tmp_path: Path, data: st.DataObject, described: Described
) -> None:
    drawn = data.draw(st.lists(reviews(described), min_size=1, max_size=4))
    content = described.write([row for row, _ in drawn])
    found = [row for batch in read(tmp_path / "a", content, described) for row in batch.to_pylist()]
    expected = [review for _, review in drawn]
    assert [{name: row[name] for name in expected[0]} for row in found] == expected
    assert [row["row_number"] for row in found] == list(range(1, len(drawn) + 1))
