"""Turns the errors of DuckDB into errors of this program, each with the file and the next step."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseError, WarehouseMemoryError

MEMORY_LIMIT = "1GB"
"""Memory that DuckDB may use: enough to commit a million reviews in one transaction."""
RESTORE_ADVICE = (
    "`reviews restore BACKUP`, then `reviews score` for what came after it. Without a backup, move this file away: the "
    "champion, all history, the shadow and the releases from quarantine are lost; train, then score all files again."
)
"""The next step of a user whose database is damaged."""


@contextmanager
def translate_errors(path: Path, when_damaged: str = RESTORE_ADVICE) -> Iterator[None]:
    """Turn DuckDB's errors into a `WarehouseError` that names the file and a next step.

    `when_damaged` is the next step if the file is damaged.
    """
    try:
        yield
    except duckdb.Error as error:
        is_memory = isinstance(error, duckdb.OutOfMemoryException) and not _is_disk_full(error)
        raise (WarehouseMemoryError if is_memory else WarehouseError)(
            f"{path}: {shorten_error(error)}. Next: {_choose_next_step(error, when_damaged)}"
        ) from error


def shorten_error(error: Exception) -> str:
    """Return the first line of an error's text, without its final punctuation; the type's name if it has no text.

    Of a failed checkpoint DuckDB says that the database is invalidated, which is so until it is opened again: only the
    cause is returned.
    """
    line = str(error).strip().split("\n")[0].rpartition("Original error: ")[2]
    return line.rstrip(" .!") or type(error).__name__


def _is_disk_full(error: duckdb.Error) -> bool:
    """Return whether an error of DuckDB says that the disk, or what it may use of it, is full."""
    text = str(error).lower()
    full = (
        *(os.strerror(number).lower() for number in (errno.ENOSPC, errno.EDQUOT)),
        "max_temp_directory_size",
    )
    return any(words in text for words in full)


def _choose_next_step(error: duckdb.Error, when_damaged: str) -> str:
    """Return the next step for an error of DuckDB, by its type or text."""
    text = str(error).lower()
    if _is_disk_full(error):
        return "free space on that disk, or raise the quota, then run the command again."
    if any(
        words in text for words in ("not a valid duckdb", "corrupt", "checksum", "deserializ", "enough bytes")
    ):
        return f"the file is damaged: {when_damaged}"
    if "version number" in text:
        return (
            "the file was made by a newer DuckDB: update this program, or `reviews restore` an older backup."
        )
    if isinstance(error, duckdb.CatalogException):
        return "a table or view is missing: `reviews restore BACKUP`."
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            f"DuckDB needed more than the {MEMORY_LIMIT} of memory that it may use, for what no disk can take; if "
            "files are named, send them with fewer large values, or in smaller files."
        )
    return "check that the disk is not full and the folder is writable, then run the command again."
