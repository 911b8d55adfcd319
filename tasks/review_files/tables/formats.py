"""The formats that are read in the process for tables: the module of each, and the rule that a broken file breaks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableFormat:
    """How a format is read."""

    module: str
    """The module of this package; its function `read` yields `RawRows` from an open file."""
    broken: str
    """The file rule that a damaged file breaks."""


_WORKBOOK = TableFormat("workbooks", "workbook_broken")

TABLE_FORMATS = {
    "parquet": TableFormat("parquet", "parquet_broken"),
    "orc": TableFormat("orc", "orc_broken"),
    "arrow": TableFormat("arrow", "arrow_broken"),
    "avro": TableFormat("avro", "avro_broken"),
    "xlsx": _WORKBOOK,
    "xls": _WORKBOOK,
    "ods": _WORKBOOK,
}
