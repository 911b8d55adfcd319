"""Tests that numbers of classes are read as the names that Hugging Face keeps for them, whatever its metadata say."""

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reading.arrow_tables import find_classes, read_arrow, read_parquet
from tasks.reading.rows import ReadOptions
from tests.support.review_file_builders import write_arrow, write_parquet

KEYS = ("info", "features", "label", "names", "_type", "\ud800")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=10,
)


def describe(names: Any, kind: Any = "ClassLabel") -> bytes:
    """Return the metadata of a column of classes."""
    return json.dumps({"info": {"features": {"label": {"names": names, "_type": kind}}}}).encode()


def make_table(labels: list[int | None], stated: bytes, kind: pa.DataType | None = None) -> pa.Table:
    """Return a table of labels with what the metadata states of them."""
    columns = {
        "text": [f"film {number}" for number in range(len(labels))],
        "label": pa.array(labels, kind or pa.int64()),
    }
    return pa.table(columns).replace_schema_metadata({"huggingface": stated})


def read_labels(format_name: str, table: pa.Table) -> list[str | None]:
    """Read the labels of a table from a file."""
    is_parquet = format_name == "parquet"
    content = write_parquet(table) if is_parquet else write_arrow(table, stream=format_name == "stream")
    read = (read_parquet if is_parquet else read_arrow)(io.BytesIO(content), 1, ReadOptions())
    return [label for rows in read for label in rows.known["given_label"].to_pylist()]


@pytest.mark.parametrize("format_name", ["parquet", "file", "stream"])
@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.int64()])
def test_classes_are_read_by_their_names(format_name: str, kind: pa.DataType) -> None:
    table = make_table([1, 0, None, 2], describe(["positive", "negative"]), kind)
    assert read_labels(format_name, table) == ["negative", "positive", None, "2"]


def test_a_number_below_zero_is_no_label() -> None:
    table = make_table([0, -1, 1, -(2**62)], describe(["neg", "pos"]))
    assert read_labels("parquet", table) == ["neg", None, "pos", None]


@pytest.mark.parametrize(
    "stated",
    [
        b"[" * 100_000,
        b'{"info": {"features": ' + b"9" * 5000 + b"}}",
        b"\xff",
        describe(["neg", "p" * 101]),
        describe(["neg", ""]),
        describe(["neg", "pos"], "Value"),
        describe(["neg", *(f"class {number:09}" for number in range(100_000))]),
        describe(["LABEL_0", "LABEL_1"]),
    ],
    ids=range(8),
)
def test_metadata_that_name_no_classes_leave_the_numbers(stated: bytes) -> None:
    assert read_labels("parquet", make_table([0, 1], stated)) == ["0", "1"]


@given(JSON)
def test_any_metadata_are_taken_or_passed_over(stated: Any) -> None:
    for found in (stated, {"info": {"features": stated}}, {"info": {"features": {"label": stated}}}):
        schema = pa.schema([("label", pa.int8())], {"huggingface": json.dumps(found)})
        assert find_classes(schema).keys() <= {0}


def test_columns_of_one_name_or_of_no_whole_numbers_are_not_named() -> None:
    metadata = {"huggingface": describe(["neg", "pos"])}
    assert find_classes(pa.schema([("label", pa.float64())], metadata)) == {}
    assert find_classes(pa.schema([("label", pa.int8()), ("label", pa.int8())], metadata)) == {}
    assert find_classes(pa.schema([("label", pa.int8())], metadata)) == {0: ["neg", "pos"]}
