"""Trains wide LSTMs of equal layers by the functions that the first of them compiled.

Compiling takes most of the time of a small training. A compiled function works on the variables of the model that it
was compiled for: they are lent the values of the model that is trained, and get their own ones back.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from models.training.journal import assign_values, list_values
from models.training.kind_of_model import Variant
from models.wide_lstm import branch_training
from models.wide_lstm.branch_training import LstmBranch
from tests.support.quick_graphs import skip_graph_optimizers

Compute = Callable[..., Any]

_make_step, _compile_logits = branch_training._make_step, branch_training._compile_logits
_COMPILED: dict[tuple[str, Variant], tuple[Sequence[Any], Compute]] = {}


@contextmanager
def keep_compiled() -> Iterator[None]:
    """Compile the training step and the logits of an LSTM branch once per process while the block runs."""

    skip_graph_optimizers()

    def make_step(branch: LstmBranch, optimizer: Any) -> Compute:
        return _keep("step", branch, branch.list_state(optimizer), lambda: _make_step(branch, optimizer))

    def compile_logits(branch: LstmBranch) -> Compute:
        variables = [*branch.reader.variables, *branch.head.variables]
        return _keep("logits", branch, variables, lambda: _compile_logits(branch))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branch_training, "_make_step", make_step)
        patch.setattr(branch_training, "_compile_logits", compile_logits)
        # It drops what was compiled. The training of a wide LSTM draws no number by this seed, unlike Keras's `fit`.
        patch.setattr("tensorflow.random.set_seed", lambda seed: None)
        yield


def _keep(name: str, branch: LstmBranch, own: Sequence[Any], make: Callable[[], Compute]) -> Compute:
    """Return the function that works on the variables `own`, by the one that was compiled before if there is one."""
    key = name, replace(branch.variant, batch_size=0)
    if key not in _COMPILED:
        _COMPILED[key] = own, make()
    kept, compute = _COMPILED[key]
    return compute if kept is own else _lend(own, kept, compute)


def _lend(own: Sequence[Any], kept: Sequence[Any], compute: Compute) -> Compute:
    """Return a function that computes on `own` what `compute` computes on `kept`."""

    def compute_on_own(*given: Any) -> Any:
        before = list_values(kept)
        assign_values(kept, list_values(own))
        try:
            result = compute(*given)
            assign_values(own, list_values(kept))
        finally:
            assign_values(kept, before)
        return result

    return compute_on_own
