"""Opens an exported graph in ONNX Runtime. Needs ONNX Runtime, neither TensorFlow nor Keras."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleError

GEOMETRY = "geometry"
"""The key of a graph's metadata that holds its sizes as JSON; which sizes depends on the kind of model."""


@dataclass(frozen=True)
class OpenGraph:
    """An exported graph in ONNX Runtime, with the sizes from its metadata."""

    name: str
    session: Any
    geometry: dict[str, Any]


def open_graph(graph: Path | bytes) -> OpenGraph:
    """Open an exported graph of any kind of model; raise `BundleError` where it can't be opened."""
    import onnxruntime

    name = str(graph) if isinstance(graph, Path) else "the exported graph"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # batches run in parallel instead
    options.enable_mem_pattern = False  # it helps only where shapes stay the same
    options.log_severity_level = 3
    with refuse_unusable_graph(name):
        content = graph.read_bytes() if isinstance(graph, Path) else graph
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        geometry = json.loads(session.get_modelmeta().custom_metadata_map[GEOMETRY])
        return OpenGraph(name, session, dict(geometry))


@contextmanager
def refuse_unusable_graph(name: str) -> Iterator[None]:
    """Turn any error of the block into a `BundleError` that names the graph."""
    try:
        yield
    except Exception as error:  # ONNX Runtime raises its own classes, one a status
        cause = str(error).strip() or type(error).__name__
        raise BundleError(f"{name}: can't be used ({cause.splitlines()[0]}).") from error
