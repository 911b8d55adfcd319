"""Turns the errors of decoders into refusals of review files, each with a rule and a message of our own.

No file is refused because the machine is short of memory (`memory.py`).
"""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import FILE_RULES
from tasks.support.memory import is_memory_error, require_memory

_MOST_SHOWN = 2_000
"""Characters of a message that may have values of the file in it."""
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
)
"""What decoders raise on damaged input: their own errors, and Python's, such as an overflow in their arithmetic."""


def refusal(rule: str, problem: str) -> FileRefusedError:
    """Return the error that refuses a file by `rule` of `FILE_RULES`.

    Its message is `problem` (place and fault, without a full stop) and the rule's text, which has the next step.
    """
    return FileRefusedError(rule, f"{make_showable(problem)}. {FILE_RULES[rule]}")


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
