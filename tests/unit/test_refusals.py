"""What a decoder raises: a refusal of the file, unless it is the machine's fault."""

import subprocess
import sys

import pytest

from data_contracts.errors import FileRefusedError
from tasks.refusals import ENOUGH_MEMORY, refusing

SHORT_OF_MEMORY = """
import psutil, resource
from data_contracts.errors import FileRefusedError, ReviewsError
from tasks.refusals import refusing

def read():
    with refusing("csv_broken", lambda: "it is broken"):
        raise {error}

limit = psutil.Process().memory_info().vms + {left}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    read()
except FileRefusedError:
    print("refused")
except ReviewsError as error:
    print(error)
"""


def read_with(left: int, error: str) -> str:
    """Let a decoder raise where so many bytes of memory are left; give what comes of it."""
    program = SHORT_OF_MEMORY.format(left=left, error=error)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    "error", ["MemoryError()", "pa.ArrowMemoryError('out of memory')", "RuntimeError('thread')"]
)
def test_a_file_is_not_refused_for_a_lack_of_memory(error: str) -> None:
    said = read_with(ENOUGH_MEMORY // 4, error.replace("pa.", "__import__('pyarrow')."))
    assert said.startswith("There is too little memory to read review files")
    assert "Next: free some" in said


@pytest.mark.parametrize("error", ["MemoryError()", "ValueError('odd')"])
def test_a_file_on_which_a_decoder_fails_with_memory_at_hand_is_refused(error: str) -> None:
    assert read_with(4 * ENOUGH_MEMORY, error) == "refused\n"


def test_a_refusal_says_where_the_decoder_was() -> None:
    with (
        pytest.raises(FileRefusedError, match="csv_broken: after row 7"),
        refusing("csv_broken", lambda: "after row 7"),
    ):
        raise ValueError("odd")
