"""Processes that compute an LSTM, one a core, each for its share of a batch.

They are `python -m models.lstm.lstm_process SOCKET MEMORY`, the numbers of two open files: words go over the one,
the rows of a batch lie in the other. A process has a lock of its own for Python's code and a BLAS of its own,
so that neither waits for the other's.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from mmap import mmap
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lstm.recurrence import Floats, Recurrence, find_shared_steps

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
"""What keeps NumPy's BLAS to one core: read when it is loaded."""


class SharedRows:
    """Memory that two processes see: [rows, columns] floats, as many as the last of them asked for."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map: mmap | None = None

    def take(self, rows: int, columns: int) -> Floats:
        """Give the memory as an array of this shape, with what the other process left there."""
        needed = max(1, rows * columns * 4)
        if os.fstat(self.descriptor).st_size < needed:
            os.ftruncate(self.descriptor, needed + needed // 4)
        if self._map is None or len(self._map) < needed:
            self._map = mmap(self.descriptor, 0)
        return np.frombuffer(self._map, np.float32, rows * columns).reshape(rows, columns)


@contextmanager
def _naming_the_cause() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise RuntimeError(
            "A process that computes the LSTM ended before its time. Was it killed, or memory short? Train again."
        ) from error


@dataclass(frozen=True)
class _Helper:
    """One of the processes, and the two ways to it: words and small arrays, and the rows of a batch."""

    process: subprocess.Popen[bytes]
    connection: Connection
    rows: SharedRows

    def send(self, name: str, *arguments: Any) -> None:
        with _naming_the_cause():
            self.connection.send((name, *arguments))

    def receive(self) -> Any:
        with _naming_the_cause():
            return self.connection.recv()

    def close(self) -> None:
        self.connection.close()  # which ends it
        os.close(self.rows.descriptor)
        self.process.wait()


def _open_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("lstm")
    with TemporaryFile() as file:
        return os.dup(file.fileno())


def _start_helper() -> _Helper:
    ours, theirs = Pipe()
    memory = _open_memory()
    with theirs:
        passed = (theirs.fileno(), memory)
        command = [sys.executable, "-m", "models.lstm.lstm_process", *map(str, passed)]
        process = subprocess.Popen(
            command, env={**os.environ, **ONE_THREAD}, pass_fds=passed, stdin=subprocess.DEVNULL
        )
    return _Helper(process, ours, SharedRows(memory))


class LstmProcesses:
    """Computes batch after batch: a `forward_...`, then `backward` for the same rows. A context manager."""

    def __init__(self, count: int) -> None:
        self._helpers = [_start_helper() for _ in range(count)]

    def __enter__(self) -> "LstmProcesses":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        for helper in self._helpers:
            helper.close()

    def forward_steps(self, inputs: Floats, *weights: Floats) -> Floats:
        """Give the last h [n, units] after `inputs` [n, steps, features]; see `forward_words`."""
        at = np.arange(inputs.shape[0] * inputs.shape[1]).reshape(inputs.shape[:2])
        return self._forward(inputs.reshape(at.size, -1), at, find_shared_steps(inputs), weights)

    def forward_words(self, table: Floats, ids: NDArray[np.int32], *weights: Floats) -> Floats:
        """Give the last h [n, units] of n rows that read `table` [m, features] at `ids` [n, steps].

        `weights` are the kernel, the recurrent kernel and the bias.
        """
        return self._forward(table, ids, find_shared_steps(ids[:, :, None]), weights)

    def _forward(
        self,
        values: Floats,
        at: NDArray[Any],
        order_and_shared: tuple[NDArray[np.intp], NDArray[np.intp]],
        weights: Sequence[Floats],
    ) -> Floats:
        order, shared = order_and_shared
        self._at, self._shares = at, []
        kernel, recurrent, bias = weights
        together = np.concatenate([recurrent, kernel, bias[None]])
        for k, helper in enumerate(self._helpers[: len(at)]):
            # Each needs the reference, row 0; but for the first, it is one row more.
            part = np.unique([0, *range(k, len(at), len(self._helpers))])
            steps, rows = np.nonzero(shared[part] <= np.arange(at.shape[1])[:, None])
            read = helper.rows.take(len(rows), len(kernel))
            np.take(values, at[order[part][rows], steps], axis=0, out=read)
            helper.send("forward", read.shape, (shared[part], at.shape[1], together))
            self._shares.append((helper, order[part], min(k, 1)))
        last = np.empty((len(at), len(recurrent)), np.float32)
        for helper, part, first in self._shares:
            last[part[first:]] = helper.receive()[first:]
        return last

    def backward(self, gradient: Floats) -> tuple[NDArray[Any], ...]:
        """Give the gradients from that of the last h [n, units].

        These are the rows of the table that k reads were of (with `forward_steps`: of `inputs`, its first two axes
        taken for one), the gradients of these reads [k, features], all others being 0, and those of the kernel, the
        recurrent kernel and the bias.
        """
        for helper, part, first in self._shares:
            of_last = gradient[part]
            of_last[:first] = 0
            helper.send("backward", None, (of_last,))
        units = gradient.shape[1]
        reads, of_reads, of_weights = [], [], []
        for helper, part, first in self._shares:
            rows, steps, weights = helper.receive()
            own = np.flatnonzero(rows >= first)
            reads.append(self._at[part[rows[own]], steps[own]])
            of_reads.append(helper.rows.take(len(rows), len(weights) - units - 1)[own])
            of_weights.append(weights)
        recurrent, kernel, bias = np.split(sum(of_weights), [units, -1])
        return np.concatenate(reads), np.concatenate(of_reads), kernel, recurrent, bias[0]


def serve(connection: Connection, rows: SharedRows) -> None:
    """Do what is asked for until the other side is gone."""
    recurrence = Recurrence()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training, whose end is ours
    with suppress(EOFError, ConnectionError):
        while True:
            name, shape, arguments = connection.recv()
            if name == "forward":
                connection.send(recurrence.forward(rows.take(*shape), *arguments))
            else:
                found = recurrence.backward(*arguments)
                rows.take(*found.inputs.shape)[:] = found.inputs
                connection.send((found.rows, found.steps, found.weights))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), SharedRows(int(sys.argv[2])))
