"""The list of all kinds of model. Training, bundles and scoring use this list and know no kind by its name.

A kind is a package with a `Kind`; docs/models.md says how one is added.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import BundleError
from models.graphs.engine_interface import Engine
from models.graphs.session import open_graph
from models.lstm.kind import LSTM
from models.training.kind_of_model import Kind
from models.wide_lstm.kind import WIDE_LSTM

if TYPE_CHECKING:
    import keras

KINDS: tuple[Kind, ...] = (
    LSTM,
    WIDE_LSTM,
)
"""The order in which kinds are tried and their variants are listed."""


@dataclass(frozen=True)
class ExportedModel:
    """A trained model, with the graph that the first of all kinds that can exported."""

    model: "keras.Model"
    graph: bytes | None
    """None where no engine can run the model, so that Keras scores."""


def export_model(model: "keras.Model") -> ExportedModel:
    """Export a trained model by the first kind that can, which depends on its layers, not on its variant's name."""
    graphs = (kind.export(model) for kind in KINDS)
    return ExportedModel(model, next((graph for graph in graphs if graph is not None), None))


def load_engine(graph: Path | bytes) -> Engine:
    """Load the engine that runs an exported graph; raise `BundleError` where no kind can use the graph."""
    opened = open_graph(graph)
    engines = (kind.load_engine(opened) for kind in KINDS)
    engine = next((engine for engine in engines if engine is not None), None)
    if engine is None:
        raise BundleError(f"{opened.name}: can't be used (it is of no known kind of model).")
    return engine


def register_layers() -> None:
    """Register the layer classes of all kinds with Keras, so that a saved model can be loaded in safe mode."""
    for kind in KINDS:
        kind.make_layers()
