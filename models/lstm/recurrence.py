"""An LSTM over sequences that begin alike: the last state and its gradients, each shared step computed once. NumPy.

Padded in front, the reviews of a batch begin with the same steps, and an LSTM is in the same state after them. One row,
the reference, takes all steps; every other row joins it in the step where it first differs. Its gradients go back
through its own steps, and on through the reference's until nothing is left of them.

The equations are those of Hochreiter and Schmidhuber with a forget gate, as Keras computes them: gates i, f, g (Keras
calls it c) and o from x kernel + h recurrent_kernel + bias; c = f c + i g; h = o tanh(c).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FADED = 1e-8
"""A gradient that is smaller than this share of the largest one is gone: float32 has seven digits."""
FADED_EVERY = 8
"""Steps from one look at whether anything is left to the next."""
FACTOR_ROWS = 256
"""Rows of gates that are turned into factors at once: they stay in the cache of a core."""


@dataclass(frozen=True)
class Gradients:
    """What `Recurrence.backward` gives, for m pairs of a row and a step that a gradient reaches."""

    inputs: Floats
    """[m, features] the gradient of each of these inputs; it is 0 for all others."""
    rows: NDArray[np.intp]
    steps: NDArray[np.intp]
    weights: Floats
    """[units + features + 1, 4 units] of the recurrent kernel, the kernel and the bias, one below the other."""


def find_shared_steps(inputs: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find which row the others of `inputs` [n, steps, features] begin like, and for how long.

    Gives the rows in the order of the steps they share, the reference first, and the number of those steps, at most
    all but the last.
    """
    steps = inputs.shape[1]
    bits = np.ascontiguousarray(inputs).view(np.uint64 if inputs.shape[2] % 2 == 0 else np.uint32)
    first = bits[:, 1:, 0]  # the first step may be another's: a convolution sees the border there
    reference = int(_count_leading(first == first[:, :1]).argmax()) if steps > 1 else 0
    shared = np.minimum(_count_leading((bits == bits[reference]).all(axis=2)), steps - 1)
    shared[reference] = -1
    order = np.argsort(shared, kind="stable")
    return order, np.maximum(shared[order], 0)


def _count_leading(true: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Count the values before the first False in each row of [n, m]."""
    counts: NDArray[np.intp] = np.where(true.all(axis=1), true.shape[1], true.argmin(axis=1))
    return counts


@dataclass(frozen=True)
class _Part:
    """Some pairs of a row and a step: what they were computed from, and the gradients of what they computed."""

    rows: NDArray[np.intp]
    steps: NDArray[np.intp]
    seen: Floats
    of_gates: Floats
    of_seen: Floats


class _Factors(NamedTuple):
    """What gradients are multiplied with on their way back through m pairs of a row and a step."""

    gates: Floats
    """[m, 4, units] gives the gradients of the gates: dh for o, dc for i, f and g."""
    output: Floats
    """[m, units] what of dh joins dc."""
    forget: Floats
    """[m, units] what of dc stays in the step before."""

    def pick(self, pairs: Any) -> "_Factors":
        return _Factors(*(part[pairs] for part in self))

    def step_back(self, dh: Floats, dc: Floats, of_gates: Floats) -> None:
        """Give the gradients of the gates of a step; `dc` becomes that of the step before."""
        dc += dh * self.output
        gates = of_gates.reshape(self.gates.shape)
        np.multiply(self.gates[:, 0], dh, out=gates[:, 0])
        np.multiply(self.gates[:, 1:], dc[:, None], out=gates[:, 1:])
        dc *= self.forget


class Recurrence:
    """Computes one batch after the other in the same memory: `forward`, then `backward` for the same rows."""

    def __init__(self) -> None:
        self._memory: dict[str, Floats] = {}

    def forward(self, inputs: Floats, shared: NDArray[np.intp], steps: int, weights: Floats) -> Floats:
        """Give the last h [n, units] of n rows.

        `shared` [n] are the steps that each row takes with row 0, ascending, 0 for row 0 itself. `inputs`
        [sum of steps - shared, features] has what the rows read, ordered by step, then by row. `weights`
        [units + features + 1, 4 units] are the recurrent kernel, the kernel and the bias.
        """
        self.units, self.steps, self.shared = weights.shape[1] // 4, steps, shared
        units = self.units
        self.weights = weights[:, self._gate_order()]
        halved = self.weights.copy()
        halved[:, : 3 * units] *= 0.5  # sigmoid(z) is (tanh(z / 2) + 1) / 2
        self.counts = np.searchsorted(shared, np.arange(steps), "right")
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])
        starts, total, rows = self.starts.tolist(), len(inputs), len(shared)
        self.seen = self._take("seen", total + rows, len(weights))  # h, x and 1: what a step is computed from
        self.seen[:total, units:-1] = inputs
        self.seen[:total, -1] = 1
        self.seen[: starts[1], :units] = 0
        self.gates = self._take("gates", total, 4 * units)
        self.kept, self.added, self.squashed = (
            self._take(name, total, units) for name in ("kept", "added", "squashed")
        )
        cell = np.zeros((rows, units), np.float32)
        half, joined = np.float32(0.5), starts[1]
        for step in range(steps):
            start, stop = starts[step], starts[step + 1]
            count = stop - start
            seen, c = self.seen[start:stop], cell[:count]
            if count > joined:
                seen[joined:, :units], c[joined:] = seen[0, :units], c[0]
                joined = count
            gates = self.gates[start:stop]
            np.matmul(seen, halved, out=gates)
            np.tanh(gates, out=gates)
            sigmoids = gates[:, : 3 * units]
            sigmoids *= half
            sigmoids += half
            o, i, f, g = (gates[:, k * units : (k + 1) * units] for k in range(4))
            kept, added, squashed = self.kept[start:stop], self.added[start:stop], self.squashed[start:stop]
            np.multiply(f, c, out=kept)
            np.multiply(i, g, out=added)
            np.add(kept, added, out=c)
            np.tanh(c, out=squashed)
            np.multiply(o, squashed, out=self.seen[stop : stop + count, :units])
        return self.seen[total : total + rows, :units].copy()

    def backward(self, gradient: Floats) -> Gradients:
        """Give the gradients of a loss from that of the last h [n, units], which `forward` gave."""
        self.gone = FADED * np.abs(gradient).max(initial=0)
        self.transposed = np.ascontiguousarray(self.weights[:-1].T)
        self.factors = _Factors(
            self.gates.reshape(-1, 4, self.units),
            self.squashed,
            self._take("forget", len(self.gates), self.units),
        )
        self.made = len(self.gates)
        dh, dc = gradient.copy(), np.zeros_like(gradient)
        own, last = self._go_back(dh, dc)
        parts = (own, *self._go_back_shared(dh, dc, last))
        weights = np.empty_like(self.weights)
        weights[:, self._gate_order()] = sum(part.seen.T @ part.of_gates for part in parts)
        inputs = np.concatenate([part.of_seen[:, self.units :] for part in parts])
        rows, steps = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "steps"))
        return Gradients(inputs, rows, steps, weights)

    def _go_back(self, dh: Floats, dc: Floats) -> tuple[_Part, int]:
        """Take each row back to where it joined, or all to the step, which is given too, where nothing is left.

        `dh` and `dc` are then what the rows that joined in a later step have left.
        """
        starts = self.starts.tolist()
        of_gates = self._take("of_gates", len(self.gates), 4 * self.units)
        of_seen = self._take("of_seen", len(self.gates), self.transposed.shape[1])
        for step in range(self.steps - 1, -1, -1):
            here = slice(starts[step], starts[step + 1])
            count = here.stop - here.start
            h, c = dh[:count], dc[:count]
            self._make_factors(here.start)
            self.factors.pick(here).step_back(h, c, of_gates[here])
            np.matmul(of_gates[here], self.transposed, out=of_seen[here])
            h[:] = of_seen[here, : self.units]
            if step % FADED_EVERY == 0 and max(np.abs(h).max(), np.abs(c).max()) <= self.gone:
                break
        own = slice(starts[step], starts[-1])
        steps = np.repeat(np.arange(step, self.steps), self.counts[step:])
        rows = np.arange(own.start, own.stop) - self.starts[steps]
        return _Part(rows, steps, self.seen[own], of_gates[own], of_seen[own]), step

    def _go_back_shared(self, dh: Floats, dc: Floats, last: int) -> list[_Part]:
        """Take the rows that joined after step `last` back together through the reference's steps."""
        rows = np.flatnonzero(self.shared > last)
        steps = self.shared[rows] - 1
        dh, dc = dh[rows], dc[rows]
        found: list[tuple[NDArray[Any], ...]] = []
        while len(rows):
            here = self.starts[steps]
            self._make_factors(here.min())
            of_gates = np.empty((len(rows), 4 * self.units), np.float32)
            self.factors.pick(here).step_back(dh, dc, of_gates)
            of_seen = of_gates @ self.transposed
            found.append((rows, steps, of_gates, of_seen))
            dh, left = of_seen[:, : self.units], steps > 0
            if len(found) % FADED_EVERY == 0:
                left &= np.maximum(np.abs(dh), np.abs(dc)).max(axis=1) > self.gone
            if not left.all():
                rows, steps, dh, dc = rows[left], steps[left], dh[left], dc[left]
            steps = steps - 1
        if not found:
            return []
        rows, steps, of_gates, of_seen = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return [_Part(rows, steps, self.seen[self.starts[steps]], of_gates, of_seen)]

    def _make_factors(self, start: int) -> None:
        """Turn what `forward` left of the pairs from `start` on into factors, in its place."""
        while self.made > start:
            part = slice(max(0, self.made - FACTOR_ROWS), self.made)
            output, forget = self.factors.output[part], self.factors.forget[part]
            o, i, f, g = (self.factors.gates[part, k] for k in range(4))
            forget[:] = f
            h = o * output
            output *= -h
            output += o
            g *= -g
            g += 1
            g *= i
            np.subtract(1, o, out=o)
            o *= h
            np.subtract(1, i, out=i)
            i *= self.added[part]
            np.subtract(1, f, out=f)
            f *= self.kept[part]
            self.made = part.start

    def _gate_order(self) -> NDArray[np.intp]:
        """Give where Keras has the gates o, i, f and g: the sigmoids side by side, and what multiplies dc."""
        return np.arange(4 * self.units).reshape(4, -1)[[3, 0, 1, 2]].ravel()

    def _take(self, name: str, rows: int, columns: int) -> Floats:
        """Give memory that is kept from batch to batch: the system takes long to find some."""
        memory = self._memory.get(name)
        if memory is None or len(memory) < rows or memory.shape[1] != columns:
            memory = self._memory[name] = np.empty((rows + rows // 4, columns), np.float32)
        return memory[:rows]
