"""Starts processes with the mark of a home, by which `reviews up` finds its own."""

import os
import subprocess
import sys
from pathlib import Path

from deployments.marked_processes import MARK


def start_marked(home: Path, code: str) -> subprocess.Popen[str]:
    """Start a process as `reviews up` of this home does, and wait for its first output."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, MARK: str(home)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "ready\n"
    return process
