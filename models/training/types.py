"""What trainings and kinds of model are described by: variants, the reviews of a training, what comes out, a kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.graphs.engine import Engine
from models.graphs.session import OpenGraph
from models.tokenizer import SEQUENCE_LENGTH, VOCABULARY_SIZE, EncodedReviews

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class LabelledReviews:
    """Padded reviews with their labels; n is the number of reviews."""

    ids: NDArray[np.int32]
    """[n, sequence_length] word ids, padded in front with 0."""
    positive: NDArray[np.float32]
    """[n] 1 where the review is positive, else 0."""


@dataclass(frozen=True)
class TrainingReviews:
    """The reviews that one training is given; it never sees a test review."""

    train: LabelledReviews
    validation: LabelledReviews
    """Of held-out titles: an epoch, and other choices of a training, are chosen by them."""
    unlabelled: NDArray[np.int32]
    """[m, sequence_length] reviews without a label, like `LabelledReviews.ids`; m is 0 where the variant reads none."""


@dataclass(frozen=True)
class EvaluationReviews:
    """Encoded reviews with their labels, on which a trained model is evaluated."""

    encoded: EncodedReviews
    positive: NDArray[np.bool_]
    """[n] whether the review is positive."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch ended with; losses are binary cross-entropy in nats."""

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, its learning curve and which epoch's weights it holds."""

    model: "keras.Model"
    """int32 ids [n, sequence_length] to P(positive) [n, 1]."""
    history: tuple[Epoch, ...]
    kept_epoch: int
    """Counted from 1; by Keras's `fit` the epoch with the lowest validation loss."""


class Recipe(Protocol):
    """Trains a variant in its own way; the same seed on the same machine gives the same weights.

    `report` is called with the training rows done since its last call, `epochs * len(reviews.train.ids)` in all, and
    `models.training.fit.pass_epoch` after each epoch.
    """

    def __call__(
        self,
        variant: Any,
        reviews: TrainingReviews,
        *,
        seed: int,
        epochs: int,
        report: Callable[[int], None],
    ) -> TrainedModel:
        """Train the variant."""


@dataclass(frozen=True)
class Variant:
    """One architecture and how it is trained. A kind with other numbers derives a frozen dataclass from it."""

    name: str
    summary: str
    build: Callable[[Any], "keras.Model"]
    """Builds the compiled, untrained model of the variant that it is given; see `TrainedModel.model`."""
    recipe: Recipe | None = None
    """None where Keras's `fit` trains it."""
    reads_unlabelled: bool = False
    """Whether reviews without a label are read too, for the vocabulary and by the recipe."""
    vocabulary_size: int = VOCABULARY_SIZE
    sequence_length: int = SEQUENCE_LENGTH
    embedding_size: int = 32
    lstm_units: int = 100
    dropout: float = 0.0
    filters: int = 0
    kernel_size: int = 0
    pool_size: int = 0
    epochs: int = 2
    batch_size: int = 64
    head_dropout: float = 0.0
    window: int = 0
    """Words that are read at a time; 0 where the whole sequence is read at once."""

    def hyper_parameters(self) -> dict[str, Any]:
        """Give the numbers that define the variant, for its bundle."""
        skipped = {"name", "summary", "build", "recipe"}
        return {key: value for key, value in vars(self).items() if key not in skipped}


def measure_no_parts(
    engine: Engine, validation: EvaluationReviews, test: EvaluationReviews
) -> dict[str, Any]:
    """Give no further metrics: for a kind whose models are measured as a whole alone."""
    return {}


@dataclass(frozen=True)
class Kind:
    """A kind of model and what it offers; `models.kinds` lists all of them."""

    variants: tuple[Variant, ...]
    export: Callable[["keras.Model"], bytes | None]
    """Exports a trained model as an ONNX graph; None for a model that the kind's engine can't run."""
    load_engine: Callable[[OpenGraph], Engine | None]
    """Loads the engine of a graph; None for a graph of another kind."""
    make_layers: Callable[[], tuple[type[Any], ...]] = tuple
    """Makes the kind's own Keras layer classes, registered with Keras, which a saved model needs to be loaded."""
    measure_parts: Callable[[Engine, EvaluationReviews, EvaluationReviews], dict[str, Any]] = measure_no_parts
    """Measures parts of a model alone, fitted on the first reviews and tested on the second; by part, as JSON values.

    They are `metrics.ablations` of a bundle. Empty for an engine of another kind.
    """
