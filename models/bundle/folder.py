"""The bundle: a folder, named by its model id, that holds all that scoring needs and a fingerprint of itself.

Its files are `model.keras` (Keras's own format, no pickle), `scorer.onnx` (the same model as the graph that an engine
runs; missing where no engine can), `vocabulary.json` (words, most frequent first) and `bundle.json` (variant,
hyper-parameters, seed, metrics, fingerprints, versions, golden scores).
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import BundleError
from data_contracts.storage.durable import build_folder, remove_leftovers
from data_contracts.storage.faults import pass_fault_point
from models.kinds import ExportedModel, register_layers
from models.tokenizer import Vocabulary

if TYPE_CHECKING:
    import keras

FORMAT_VERSION = 2
READ_VERSIONS = (1, 2)
"""Format 1 has no `scorer.onnx`: its bundles are scored by Keras."""
MODEL_FILE, VOCABULARY_FILE, FACTS_FILE = "model.keras", "vocabulary.json", "bundle.json"
GRAPH_FILE = "scorer.onnx"
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
        _write_facts(building, facts)
    pass_fault_point("train: bundle written")
    return target


def _write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write `bundle.json`, then write it again with the fingerprint of the whole bundle."""
    path = folder / FACTS_FILE
    body = {"format_version": FORMAT_VERSION, **facts}
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False), "utf-8")
    fingerprints = {**body["fingerprints"], "bundle": fingerprint_bundle(folder)}
    path.write_text(json.dumps({**body, "fingerprints": fingerprints}, indent=1, ensure_ascii=False), "utf-8")


def fingerprint_bundle(folder: Path) -> str:
    """Return the sha256 over names and bytes of all files of a bundle, without the fingerprint that it records."""
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        content = _facts_without_fingerprint(path) if path.name == FACTS_FILE else path
        if path.is_file():
            file_digest = sha256(content if isinstance(content, bytes) else content.read_bytes())
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest.hexdigest()}\n".encode())
    return digest.hexdigest()


def _facts_without_fingerprint(path: Path) -> bytes:
    facts = _parse_facts(path)
    facts["fingerprints"] = {k: v for k, v in facts["fingerprints"].items() if k != "bundle"}
    return json.dumps(facts, sort_keys=True).encode()


def _parse_facts(path: Path) -> dict[str, Any]:
    try:
        facts = dict(json.loads(path.read_text("utf-8")))
        missing = {"fingerprints", "format_version", "model_id", "hyper_parameters"} - facts.keys()
    except OSError as error:
        raise BundleError(f"{path}: can't be read ({error.strerror}). Train again or restore it.") from error
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path}: is not a bundle's description. Train again or restore it.") from error
    if missing:
        raise BundleError(f"{path}: lacks {', '.join(sorted(missing))}. Train again or restore it.")
    return facts


def read_facts(folder: Path) -> dict[str, Any]:
    """Read `bundle.json`; raise `BundleError` where it is missing, broken or of a newer format."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: there is no such bundle. `reviews models` lists those that are known.")
    facts = _parse_facts(folder / FACTS_FILE)
    if facts["format_version"] not in READ_VERSIONS:
        raise BundleError(
            f"{folder}: has format {facts['format_version']}, this version reads {READ_VERSIONS[0]} to "
            f"{READ_VERSIONS[-1]}. "
            "Update this project or train the model again."
        )
    return facts


def is_unaltered(folder: Path) -> bool:
    """Return whether a bundle is as it was written: its content has the fingerprint that it records."""
    try:
        return bool(read_facts(folder)["fingerprints"].get("bundle") == fingerprint_bundle(folder))
    except BundleError:
        return False


def require_unaltered(folder: Path, expected_fingerprint: str) -> None:
    """Raise `BundleError` unless the bundle's content has the expected fingerprint."""
    read_facts(folder)
    fingerprint = fingerprint_bundle(folder)
    if fingerprint != expected_fingerprint:
        raise BundleError(
            f"{folder}: was altered after it was trained (fingerprint {fingerprint[:16]}…, recorded "
            f"{expected_fingerprint[:16]}…), so it does not score. Restore the folder, or train again."
        )


def find_graph(folder: Path) -> Path | None:
    """Return the path of the bundle's graph; None where it has none, so that Keras scores."""
    path = folder / GRAPH_FILE
    return path if path.is_file() else None


def load_model(folder: Path) -> "keras.Model":
    """Load the Keras model of a bundle in safe mode, which runs nothing in the folder as code."""
    import keras

    register_layers()
    try:
        return keras.saving.load_model(folder / MODEL_FILE, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises anything from ValueError to KeyError here
        raise BundleError(f"{folder / MODEL_FILE}: can't be loaded ({_first_line(error)}).") from error


def load_vocabulary(folder: Path) -> Vocabulary:
    """Load the words that a bundle's model knows."""
    try:
        return Vocabulary(tuple(json.loads((folder / VOCABULARY_FILE).read_text("utf-8"))))
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder / VOCABULARY_FILE}: can't be read ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
