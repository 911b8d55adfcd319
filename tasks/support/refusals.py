"""Turns the errors of decoders into refusals of review files, each with a rule and a message of our own.

No file is refused because the machine is short of memory. When a decoder could not allocate memory, the memory that is
still available decides: if it is plenty, the file asks for more than any valid file does, and is refused; if not, the
file is not judged.
"""

import errno
import mmap
import re
import resource
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
"""What decoders raise on damaged input: their own errors, and Python's, such as an overflow in their arithmetic."""
ENOUGH_MEMORY = 256 << 20
"""Bytes of memory that most valid files need. With less available, no decoder error is blamed on the file."""
MOST_MEMORY = 768 << 20
"""Bytes of memory that suffice for any valid file. With less available, no memory error is blamed on the file."""

# Arrow's allocators, the C++ library, the system, zlib and zstd report a lack of memory only in an error's text.
_MEMORY_WORDS = re.compile(
    r"(re|m)alloc of size|realloc failed|bad_alloc|out of memory|not enough memory|cannot allocate|can't allocate"
    r"|can't start new thread|memory allocation|allocation error|memory exhausted",
    re.IGNORECASE,
)


def refusal(rule: str, problem: str) -> FileRefusedError:
    """Return the error that refuses a file by `rule` of `FILE_RULES`.

    Its message is `problem` (place and fault, without a full stop) and the rule's text, which has the next step.
    """
    return FileRefusedError(rule, f"{problem}. {FILE_RULES[rule]}")


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


def is_memory_error(error: BaseException) -> bool:
    """Return whether an error, or an error that it was raised from, reports a lack of memory."""
    if isinstance(error, (MemoryError, pa.ArrowMemoryError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    cause = error.__cause__ or error.__context__
    return bool(_MEMORY_WORDS.search(str(error))) or (cause is not None and is_memory_error(cause))


def require_memory(error: Exception) -> None:
    """Raise `ReviewsError` if memory is so short that a decoder's `error` may not be the fault of the file."""
    needed = MOST_MEMORY if is_memory_error(error) else ENOUGH_MEMORY
    if not has_memory(needed):
        raise ReviewsError(
            f"There is too little memory to read review files (less than {needed >> 20} MiB are left): {error}. "
            "Next: free memory, or raise the memory limit of this process, and run it again."
        ) from error


def has_memory(needed: int) -> bool:
    """Return whether this process can allocate `needed` more bytes, ignoring a limit that it set itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        mmap.mmap(-1, needed, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    return True
