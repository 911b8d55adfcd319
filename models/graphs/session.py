"""Opens an exported graph in ONNX Runtime. Needs ONNX Runtime, neither TensorFlow nor Keras."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleError

GEOMETRY = "geometry"
"""The key of a graph's metadata under which its sizes are, as JSON; which sizes depends on the kind of model."""


@dataclass(frozen=True)
class OpenGraph:
    """An exported graph in ONNX Runtime, with the sizes that its metadata has."""

    name: str
    session: Any
    geometry: dict[str, Any]


def open_graph(graph: Path | bytes) -> OpenGraph:
    """Open an exported graph of any kind of model; one that can't be opened is a `BundleError`."""
    name = str(graph) if isinstance(graph, Path) else "the exported graph"
    with refuse_unusable(name):
        session = _open_session(graph.read_bytes() if isinstance(graph, Path) else graph)
        geometry = json.loads(session.get_modelmeta().custom_metadata_map[GEOMETRY])
        return OpenGraph(name, session, dict(geometry))


@contextmanager
def refuse_unusable(name: str) -> Iterator[None]:
    """Raise a `BundleError` that names the graph for whatever goes wrong inside."""
    try:
        yield
    except Exception as error:  # ONNX Runtime raises its own classes, one a status
        cause = str(error).strip() or type(error).__name__
        raise BundleError(f"{name}: can't be used ({cause.splitlines()[0]}).") from error


def _open_session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the batches are what runs in parallel
    options.enable_mem_pattern = False  # it is for shapes that stay the same
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
