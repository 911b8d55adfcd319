"""A trained model, its learning curve and the epoch that its weights come from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Epoch:
    """Figures at the end of one epoch; losses are binary cross-entropy in nats."""

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, its learning curve and the epoch that its weights come from."""

    model: "keras.Model"
    """Maps int32 ids [n, sequence_length] to P(positive) [n, 1]."""
    history: tuple[Epoch, ...]
    kept_epoch: int
    """Number of the epoch, from 1; with Keras's `fit` the one with the lowest validation loss."""
