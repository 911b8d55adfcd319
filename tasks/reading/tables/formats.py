"""The formats that are read in the process for tables: the module of each, and the rule that a broken file breaks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableFormat:
    """How a format is read."""

    module: str
    """The module whose function `read` yields `RawRows` from an open file."""
    broken: str
    """The file rule that a damaged file breaks."""


_TABLES = "tasks.reading.tables"
_WORKBOOK = TableFormat(f"{_TABLES}.workbooks", "workbook_broken")

TABLE_FORMATS = {
    "parquet": TableFormat(f"{_TABLES}.parquet", "parquet_broken"),
    "orc": TableFormat(f"{_TABLES}.orc", "orc_broken"),
    "arrow": TableFormat(f"{_TABLES}.arrow", "arrow_broken"),
    "avro": TableFormat(f"{_TABLES}.avro", "avro_broken"),
    "json": TableFormat("tasks.reading.json_documents", "json_broken"),
    "xlsx": _WORKBOOK,
    "xls": _WORKBOOK,
    "ods": _WORKBOOK,
}
