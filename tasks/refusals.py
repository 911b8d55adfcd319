"""How a review file is refused: in our own words, never in those of the library that met the fault."""

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from data_contracts.errors import FileRefusedError
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


def refusal(rule: str, found: str) -> FileRefusedError:
    """Make the error for `rule` of `FILE_RULES`: `found` says where and what, the rule what to do."""
    return FileRefusedError(rule, f"{found}. {FILE_RULES[rule]}")


@contextmanager
def refusing(rule: str, tell: Callable[[], str]) -> Iterator[None]:
    """Turn what a decoder raises into a refusal by `rule`; `tell` is asked where it was at that moment."""
    try:
        yield
    except DECODER_ERRORS as error:
        raise refusal(rule, tell()) from error
