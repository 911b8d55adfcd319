"""Says why review files are refused: for the errors of decoders, and for too many bad rows.

No file is refused because the machine is short of memory (`memory.py`).
"""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.parsers.expat import ExpatError

import pyarrow as pa

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import (
    FILE_RULES,
    TEXT_NOT_GIVEN,
    UNCOUNTED_RULES,
    RowLimits,
    exceeds_bad_rows,
)
from tasks.support.memory import is_memory_error, require_memory

_MOST_SHOWN = 2_000
"""Characters of a message that may have values of the file in it."""
_OTHER_ENCODING = (
    "most are not UTF-8: save the file as CSV UTF-8, or name its `encoding` in the profile of its source, cp1252 for "
    "most of Excel's"
)
_NO_TEXTS = (
    "if people may leave the text out, name the column of their rating as given_rating in a profile, which "
    "sets empty ones aside but not blank ones, or allow more bad rows there by largest_bad_share"
)
_WAYS_OUT = {"text_encoding": _OTHER_ENCODING, "text_blank": _NO_TEXTS, "text_missing": _NO_TEXTS}
"""What to do about the most frequent rule of bad rows."""
DECODER_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    pa.ArrowException,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    ExpatError,
)
"""What decoders raise on damaged input: their own errors, and Python's, such as an overflow in their arithmetic."""


def refusal(rule: str, problem: str) -> FileRefusedError:
    """Return the error that refuses a file by `rule` of `FILE_RULES`.

    Its message is `problem` (place and fault, without a full stop) and the rule's text, which has the next step.
    """
    return FileRefusedError(rule, f"{make_showable(problem)}. {FILE_RULES[rule]}")


def describe_bad_rows(rows_read: int, rows_bad: Counter[str], limits: RowLimits) -> str | None:
    """Say of how many rows a file would be refused, given its bad rows by rule; None if they are few enough."""
    broken = Counter({rule: rows for rule, rows in rows_bad.items() if rule not in UNCOUNTED_RULES})
    if rows_bad[TEXT_NOT_GIVEN] == rows_read and exceeds_bad_rows(rows_read, rows_read, limits):
        return f"none of the {rows_read:,} rows has a text ({TEXT_NOT_GIVEN})"
    if not exceeds_bad_rows(rows_read, broken.total(), limits):
        return None
    by_rule = ", ".join(f"{rule} {rows:,}" for rule, rows in broken.most_common())
    way = _WAYS_OUT.get(broken.most_common(1)[0][0])
    return f"{broken.total():,} of {rows_read:,} rows are bad ({by_rule})" + (f"; {way}" if way else "")


def make_showable(problem: str) -> str:
    """Return a message on a file so that it can be stored and shown: not too long, and valid Unicode."""
    shown = problem if len(problem) <= _MOST_SHOWN else f"{problem[:_MOST_SHOWN]} …"
    return shown.encode("utf-8", "backslashreplace").decode()


@contextmanager
def refusing(rule: str, describe_problem: Callable[[], str]) -> Iterator[None]:
    """Turn an error that a decoder raises in the block into a refusal by `rule`.

    `describe_problem` is called after the error and returns the place in the file and the fault. A decoder that could
    not allocate memory though plenty is available is refused by `bomb_suspected`. If memory is short, raise a
    `ReviewsError` instead: the file is not judged, and the next run reads it again.
    """
    try:
        yield
    except DECODER_ERRORS as error:
        require_memory(error)
        if is_memory_error(error):
            problem = f"{describe_problem()}: it takes more memory than any valid file"
            raise refusal("bomb_suspected", problem) from error
        raise refusal(rule, describe_problem()) from error
