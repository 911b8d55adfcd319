"""Decides whether a decoder's error is due to a lack of memory of the machine, which is no fault of the file.

When a decoder could not allocate memory, the memory that is still available decides: if it is plenty, the file asks for
more than any valid file does; if not, the file can't be judged.
"""

import errno
import mmap
import re
import resource

import pyarrow as pa

from data_contracts.errors import ReviewsError

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
