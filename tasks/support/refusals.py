"""How a review file is refused: in our own words, never in those of the library that met the fault.

No file is refused for what the machine lacks. A decoder that got no memory has met either a machine without memory or
a file that asks for more than any sound one: which of the two, the memory at hand tells.
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
"""What decoders raise on damaged input: besides their own errors, whatever their arithmetic runs into."""
ENOUGH_MEMORY = 256 << 20
"""Bytes of memory that most sound files are read in: with less at hand, no error says anything of the file."""
MOST_MEMORY = 768 << 20
"""Bytes of memory that any sound file is read in: with less, an error that tells of memory says nothing of it."""

# Of the libraries that tell of memory by words alone: Arrow's allocators, the C++ library, the system, zlib and zstd.
_MEMORY_WORDS = re.compile(
    r"(re|m)alloc of size|realloc failed|bad_alloc|out of memory|not enough memory|cannot allocate|can't allocate"
    r"|can't start new thread|memory allocation|allocation error|memory exhausted",
    re.IGNORECASE,
)


def refusal(rule: str, found: str) -> FileRefusedError:
    """Make the error for `rule` of `FILE_RULES`: `found` says where and what, the rule what to do."""
    return FileRefusedError(rule, f"{found}. {FILE_RULES[rule]}")


@contextmanager
def refusing(rule: str, tell: Callable[[], str]) -> Iterator[None]:
    """Turn what a decoder raises into a refusal by `rule`; `tell` is asked where it was at that moment.

    A decoder that gets no memory though there is plenty has met a bomb (bomb_suspected). Where memory is short, it
    becomes a `ReviewsError` instead: the file is not judged, and read again next time.
    """
    try:
        yield
    except DECODER_ERRORS as error:
        require_memory(error)
        if tells_of_memory(error):
            raise refusal("bomb_suspected", f"{tell()}: it takes more memory than any sound file") from error
        raise refusal(rule, tell()) from error


def tells_of_memory(error: BaseException) -> bool:
    """Tell whether an error, or one that it was raised from, says that there was too little memory."""
    if isinstance(error, (MemoryError, pa.ArrowMemoryError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    cause = error.__cause__ or error.__context__
    return bool(_MEMORY_WORDS.search(str(error))) or (cause is not None and tells_of_memory(cause))


def require_memory(error: Exception) -> None:
    """Raise `ReviewsError` where memory is so short that `error` of a decoder says nothing of its file."""
    needed = MOST_MEMORY if tells_of_memory(error) else ENOUGH_MEMORY
    if not has_memory(needed):
        raise ReviewsError(
            f"There is too little memory to read review files (less than {needed >> 20} MiB are left): {error}. "
            "Next: free some, or raise the limit of this process, and run it again."
        ) from error


def has_memory(needed: int) -> bool:
    """Tell whether this process could have `needed` more bytes of memory of its own, if it set itself no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        mmap.mmap(-1, needed, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    return True
