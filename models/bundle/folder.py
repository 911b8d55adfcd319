"""The bundle: a folder, named by its model id, that holds all that scoring needs and a fingerprint of itself.

Its files are `model.keras` (Keras's own format, no pickle), `scorer.onnx` (the same model as the graph that an engine
runs; missing where no engine can), `vocabulary.json` (words, most frequent first) and `bundle.json` (variant,
hyper-parameters, seed, metrics, fingerprints, versions, golden scores). An adapted bundle has `own_labels.json` too:
what the labels of each source change in the scores of its texts.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import BundleError
from data_contracts.storage.durable import build_folder, remove_leftovers
from data_contracts.storage.faults import pass_fault_point
from models.bundle.fingerprint import is_unaltered, write_fingerprinted_facts
from models.list_of_kinds import ExportedModel, register_layers
from models.own_labels.layer import OwnLayer, read_layer, to_facts
from models.tokenizer import Vocabulary

if TYPE_CHECKING:
    import keras

MODEL_FILE, VOCABULARY_FILE = "model.keras", "vocabulary.json"
GRAPH_FILE = "scorer.onnx"
OWN_FILE = "own_labels.json"
ADAPTED_VERSION = 4
"""The format of adapted bundles: programs that know no labels of sources must not score with them."""
_ID_DIGITS = 12


def name_model(
    variant: str, seed: int, model: "keras.Model", vocabulary: Vocabulary, data_fingerprint: str
) -> str:
    """Return the id of a model; the same variant, seed, weights, vocabulary and data give the same id."""
    digest = sha256(data_fingerprint.encode())
    digest.update(json.dumps(vocabulary.words).encode())
    for weights in model.get_weights():
        digest.update(str(weights.shape).encode() + weights.tobytes())
    return f"{variant}-s{seed}-{digest.hexdigest()[:_ID_DIGITS]}"


def write_bundle(
    bundles_dir: Path, exported: ExportedModel, vocabulary: Vocabulary, facts: Mapping[str, Any]
) -> Path:
    """Write a bundle, all of it or nothing, and return its folder, `bundles_dir / facts["model_id"]`.

    An unaltered bundle of that id is kept: it is the same model. `facts` are the content of `bundle.json`.
    """
    target = bundles_dir / str(facts["model_id"])
    if target.exists() and is_unaltered(target):
        return target
    remove_leftovers(bundles_dir)
    with build_folder(target, replace=True) as building:
        exported.model.save(building / MODEL_FILE)
        if exported.graph is not None:
            (building / GRAPH_FILE).write_bytes(exported.graph)
        pass_fault_point("train: bundle half written")
        (building / VOCABULARY_FILE).write_text(json.dumps(vocabulary.words, ensure_ascii=False), "utf-8")
        write_fingerprinted_facts(building, facts)
    pass_fault_point("train: bundle written")
    return target


def name_adapted(base: Mapping[str, Any], layers: Mapping[str, OwnLayer]) -> str:
    """Return the id of a model with these layers by source, from the facts of the bundle that it was adapted from."""
    content = {name: to_facts(layers[name]) for name in sorted(layers)}
    digest = sha256(f"{base['fingerprints']['bundle']}\n{json.dumps(content)}".encode())
    return f"{base['variant']}-s{base['seed']}-{digest.hexdigest()[:_ID_DIGITS]}"


def write_adapted_bundle(base: Path, layers: Mapping[str, OwnLayer], facts: Mapping[str, Any]) -> Path:
    """Write beside the finished bundle `base` one with the same model, and layers by source; return its folder.

    `facts` are the content of its `bundle.json`. An unaltered bundle of that id is kept.
    """
    target = base.parent / str(facts["model_id"])
    if target.exists() and is_unaltered(target):
        return target
    remove_leftovers(base.parent)
    with build_folder(target, replace=True) as building:
        for name in (MODEL_FILE, GRAPH_FILE, VOCABULARY_FILE):
            if (base / name).is_file():
                shutil.copyfile(base / name, building / name)
        content = {name: to_facts(layer) for name, layer in layers.items()}
        (building / OWN_FILE).write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        write_fingerprinted_facts(building, {**facts, "format_version": ADAPTED_VERSION})
    return target


def load_own(folder: Path, vocabulary: Vocabulary) -> dict[str, OwnLayer]:
    """Load the layers of an adapted bundle with this vocabulary, by source; none where it has learnt from no source."""
    path = folder / OWN_FILE
    if not path.is_file():
        return {}
    with _refusing_damage(path):
        layers = json.loads(path.read_text("utf-8"))
        return {name: read_layer(facts, len(vocabulary.words)) for name, facts in layers.items()}


def find_graph(folder: Path) -> Path | None:
    """Return the path of the bundle's graph; None where it has none, so that Keras scores."""
    path = folder / GRAPH_FILE
    return path if path.is_file() else None


def load_model(folder: Path) -> "keras.Model":
    """Load the Keras model of a bundle in safe mode, which runs nothing in the folder as code."""
    import keras

    register_layers()
    with _refusing_damage(folder / MODEL_FILE):
        return keras.saving.load_model(folder / MODEL_FILE, compile=False, safe_mode=True)


def load_vocabulary(folder: Path) -> Vocabulary:
    """Load the words that a bundle's model knows."""
    with _refusing_damage(folder / VOCABULARY_FILE):
        return Vocabulary(tuple(json.loads((folder / VOCABULARY_FILE).read_text("utf-8"))))


@contextmanager
def _refusing_damage(path: Path) -> Iterator[None]:
    """Turn any error of the block into a `BundleError` that names the file: a damaged one may raise anything."""
    try:
        yield
    except Exception as error:
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        raise BundleError(f"{path}: can't be read ({cause}).") from error
