"""Runs commands and programs for the benchmarks: in copies of a home, beside a Prefect server of their own."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.server_process import run_server

REVIEWS = Path(sys.executable).with_name("reviews")


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> resource.struct_rusage:
    """Run a command to its end; return what it took: CPU seconds, and its peak memory in KiB (`ru_maxrss`)."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, env=dict(environment), stdout=output, stderr=output, cwd=PROJECT_ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{output.read().decode()}")
    return usage


def run_python(code: str, *arguments: object, environment: Mapping[str, str] = os.environ) -> str:
    """Run code in a process of its own; return the last line that it prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=dict(environment), check=True, stdout=subprocess.PIPE, text=True
    )
    return (done.stdout.splitlines() or [""])[-1]


@contextmanager
def copy_home(home: Path) -> Iterator[Path]:
    """Yield a temporary copy of a home: the same bundles and database, without its other files."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "home"
        own.mkdir()
        shutil.copytree(home / "bundles", own / "bundles")
        shutil.copy(home / "reviews.duckdb", own)
        yield own


@contextmanager
def serve_benchmark(prefect_home: Path) -> Iterator[dict[str, str]]:
    """Run a Prefect server, with schedules and pages, while the block runs; yield the environment for its clients."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own |= {
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with run_server(own) as server:
        yield {**own, **server.environment}
