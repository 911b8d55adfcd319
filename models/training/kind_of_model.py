"""The types of a kind of model and of its variants, and of the recipe that trains a variant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.graphs.engine_interface import Engine
from models.graphs.session import OpenGraph
from models.tokenizer import SEQUENCE_LENGTH, VOCABULARY_SIZE
from models.training.journal import Journal
from models.training.reviews import TrainingReviews
from models.training.trained_model import TrainedModel

if TYPE_CHECKING:
    import keras


class Recipe(Protocol):
    """A function that trains a variant; the same seed on the same machine gives the same weights.

    It calls `journal.report` with the number of training rows processed since the last call, which add up to
    `epochs * len(reviews.train.ids)`, and `models.training.fit.pass_epoch` after each epoch. Rows that are reported in
    equal times should take equal times, so that the time left can be told.

    It may save checkpoints in the journal, from which a later call goes on to the same weights. That one first reports,
    in one call, the rows that were done, and calls `journal.go_on`.
    """

    def __call__(
        self,
        variant: Any,
        reviews: TrainingReviews,
        *,
        seed: int,
        epochs: int,
        journal: Journal,
    ) -> TrainedModel:
        """Train the variant."""


@dataclass(frozen=True)
class Variant:
    """The type of a variant: one architecture and how it is trained.

    A kind with further numbers derives a frozen dataclass from this type.
    """

    name: str
    summary: str
    build: Callable[[Any], "keras.Model"]
    """Builds the compiled, untrained model of the given variant; see `TrainedModel.model`."""
    recipe: Recipe | None = None
    """None if Keras's `fit` trains the variant."""
    reads_unlabelled: bool = False
    """Whether the vocabulary and the recipe use reviews without a label too."""
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
    """Words that are read at a time; 0 if the whole sequence is read at once."""

    def hyper_parameters(self) -> dict[str, Any]:
        """Return the numbers that define the variant, for its bundle."""
        skipped = {"name", "summary", "build", "recipe"}
        return {key: value for key, value in vars(self).items() if key not in skipped}


@dataclass(frozen=True)
class Kind:
    """A kind of model: its variants, and what exports and loads its models; see `models.list_of_kinds`."""

    variants: tuple[Variant, ...]
    export: Callable[["keras.Model"], bytes | None]
    """Exports a trained model as an ONNX graph; returns None for a model that the kind's engine can't run."""
    load_engine: Callable[[OpenGraph], Engine | None]
    """Loads the engine of a graph; returns None for a graph of another kind."""
    make_layers: Callable[[], tuple[type[Any], ...]] = tuple
    """Makes and registers the kind's own Keras layer classes; Keras needs them to load a saved model."""
