"""Makes a copy of a checkout, puts faults into it, one at a time, and runs its tests in a host process."""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutations.host import TOO_SLOW

NOTHING_FAILED = (0, 5)
"""What pytest ends with where all tests passed, or there was none."""
HOST = Path(__file__).with_name("host.py")
PACKAGES = ("flows", "deployments", "tasks", "models", "data_contracts", "docs", "benchmarks", "tests")
LEFT_OUT = ("archive", "browser", "process", "server", "training")
"""Marks of tests that take long or need more than the checkout."""
PROFILE = "unshrunk"
"""Hypothesis's profile, where the checkout has it: that an example fails is enough, however large it is."""
SLOWEST_SECONDS = 600


@dataclass(frozen=True)
class Ended:
    """How pytest ended in a copy."""

    status: int
    """Of pytest, or `TOO_SLOW`."""
    failed: str | None
    """The first test that failed, or the file that could not be loaded."""


@dataclass(frozen=True)
class Copy:
    """A copy of a checkout, and the host that runs tests in it."""

    folder: Path
    host: "subprocess.Popen[str]"

    def run(self, tests: Sequence[str]) -> Ended:
        """Run tests until one fails; raises `RuntimeError` if modules were loaded from elsewhere."""
        if self.host.stdin is None or self.host.stdout is None:
            raise RuntimeError("the host has no pipes")
        known = self._read("pyproject.toml")
        left_out = " or ".join(mark for mark in LEFT_OUT if f'"{mark}: ' in known)
        profile = ["--hypothesis-profile", PROFILE] if PROFILE in self._read("tests/conftest.py") else []
        arguments = ["-x", "-q", "-p", "no:cacheprovider", *profile, "-m", f"not ({left_out})", *tests]
        asked = json.dumps({"arguments": arguments, "seconds": SLOWEST_SECONDS})
        print(asked, file=self.host.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.host.stdout.readline())
        if answer["strays"]:
            raise RuntimeError(f"{self.folder}: modules from elsewhere were tested: {answer['strays']}")
        if answer["status"] not in (*NOTHING_FAILED, TOO_SLOW) and not answer["failed"]:
            raise RuntimeError(f"{self.folder}: pytest ended with {answer['status']}: {' '.join(arguments)}")
        return Ended(answer["status"], answer["failed"])

    def _read(self, file: str) -> str:
        return (self.folder / file).read_text("utf-8")

    @contextmanager
    def change(self, file: str, old: str, new: str) -> Iterator[None]:
        """Replace `old` by `new` while the block runs; raises `ValueError` unless `old` occurs once."""
        path = self.folder / file
        content = path.read_text("utf-8")
        if content.count(old) != 1:
            raise ValueError(f"{file}: the text to change is there {content.count(old)} times: {old!r}")
        write_module(path, content.replace(old, new))
        try:
            yield
        finally:
            write_module(path, content)


def write_module(path: Path, content: str) -> None:
    """Write a module and remove its bytecode, which Python might use for the new text too."""
    path.write_text(content, "utf-8")
    if path.suffix == ".py":
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


@contextmanager
def open_copy(checkout: Path, folder: Path) -> Iterator[Copy]:
    """Copy a checkout's tracked files to a folder, and start a host in it by the checkout's own Python."""
    listed = subprocess.run(
        ["git", "-C", str(checkout), "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout / name, target)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(checkout / ".venv" / "bin" / "python"), "-P", str(HOST), *PACKAGES]
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as host:
        yield Copy(folder, host)
