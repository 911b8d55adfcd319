"""How a review file is refused: in our own words, never in those of the library that met the fault."""

import mmap
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from data_contracts.errors import FileRefusedError, ReviewsError
from data_contracts.review_files import FILE_RULES

DECODER_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    ValueError,
    pa.ArrowException,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What decoders raise on damaged input: besides their own errors, whatever their arithmetic runs into."""
ENOUGH_MEMORY = 256 << 20
"""Bytes of memory that a sound file is read in: with less at hand, what a decoder raises says nothing of the file."""


def refusal(rule: str, found: str) -> FileRefusedError:
    """Make the error for `rule` of `FILE_RULES`: `found` says where and what, the rule what to do."""
    return FileRefusedError(rule, f"{found}. {FILE_RULES[rule]}")


@contextmanager
def refusing(rule: str, tell: Callable[[], str]) -> Iterator[None]:
    """Turn what a decoder raises into a refusal by `rule`; `tell` is asked where it was at that moment.

    Where memory is short, it becomes a `ReviewsError` instead: the file is not judged, and read again next time.
    """
    try:
        yield
    except DECODER_ERRORS as error:
        _require_memory(error)
        raise refusal(rule, tell()) from error


def _require_memory(error: Exception) -> None:
    try:
        mmap.mmap(-1, ENOUGH_MEMORY).close()
    except (OSError, MemoryError):
        raise ReviewsError(
            f"There is too little memory to read review files (less than {ENOUGH_MEMORY >> 20} MiB are left): {error}. "
            "Next: free some, or raise the limit of this process, and run it again."
        ) from error
