"""Tests that errors of decoders become refusals of the file, unless the machine caused them."""

import io
import subprocess
import sys
import zlib

import pyarrow as pa
import pytest

from data_contracts.errors import FileRefusedError, ReviewsError
from tasks.support.memory import ENOUGH_MEMORY, MOST_MEMORY
from tasks.support.refusals import refusing

SHORT_OF_MEMORY = """
import psutil, resource
from data_contracts.errors import FileRefusedError, ReviewsError
from tasks.support.refusals import refusing

def read():
    with refusing("csv_broken", lambda: "it is broken"):
        raise {error}

limit = psutil.Process().memory_info().vms + {left}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    read()
except FileRefusedError as error:
    print("refused", error.rule)
except ReviewsError as error:
    print(error)
"""


def read_with(left: int, error: str) -> str:
    """Make a decoder raise with a given amount of free memory; return the resulting error."""
    program = SHORT_OF_MEMORY.format(left=left, error=error)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


ARROW = "__import__('pyarrow')."


@pytest.mark.process
@pytest.mark.parametrize(
    "error", ["MemoryError()", f"{ARROW}ArrowMemoryError('x')", "RuntimeError('thread')"]
)
def test_a_file_is_not_refused_for_a_lack_of_memory(error: str) -> None:
    said = read_with(ENOUGH_MEMORY // 4, error)
    assert said.startswith("There is too little memory to read review files")
    assert "Next: free memory" in said


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowMemoryError("realloc of size 268435456 failed"),
        OSError("Unexpected end of stream: realloc of size 268435456 failed"),
        pa.ArrowException("Unknown error: std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
        zlib.error("Error -4 while decompressing data: out of memory"),
        MemoryError(),
    ],
)
def test_a_memory_error_refuses_no_file_where_a_sound_one_might_find_too_little(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def map_memory(number: int, size: int, flags: int) -> io.BytesIO:
        if size > 2 * ENOUGH_MEMORY:
            raise OSError(12, "Cannot allocate memory")
        return io.BytesIO()

    monkeypatch.setattr("tasks.support.memory.mmap.mmap", map_memory)
    with pytest.raises(ReviewsError, match="too little memory"), refusing("csv_broken", lambda: "row 7"):
        raise error
    with pytest.raises(ReviewsError, match="too little memory"), refusing("csv_broken", lambda: "row 7"):
        raise ValueError("odd") from error
    with pytest.raises(FileRefusedError), refusing("csv_broken", lambda: "row 7"):
        raise ValueError("odd")


@pytest.mark.process
@pytest.mark.parametrize(
    ("error", "rule"), [("MemoryError()", "bomb_suspected"), ("ValueError('odd')", "csv_broken")]
)
def test_a_file_on_which_a_decoder_fails_with_memory_at_hand_is_refused(error: str, rule: str) -> None:
    assert read_with(2 * MOST_MEMORY, error) == f"refused {rule}\n"
