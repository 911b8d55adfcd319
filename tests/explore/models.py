"""Writes three tiny models as bundles, without training or TensorFlow, and a home that records them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from deployments.settings import Settings, load_settings
from models.bundle.fingerprint import fingerprint_bundle
from models.bundle.golden import GOLDEN_TEXTS
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer, score_texts
from models.graphs.builder import Graph, order_gates, serialize_graph
from tasks.warehouse.model_registry import record_model
from tests.support.small_models import describe_golden, describe_untrained

SEQUENCE_LENGTH, EMBEDDING, UNITS = 12, 4, 4
WORDS = ("good", "bad", "film", "the", "a", "plot")
RARE_WORD = "kino"
"""The last model alone knows it."""
MODELS = {
    "plain-s0-aaaaaaaaaaaa": WORDS,
    "plain-s1-bbbbbbbbbbbb": WORDS,
    "plain-s2-cccccccccccc": (*WORDS, RARE_WORD),
}
"""Each model's id and the words that it knows."""


def write_template(home: Path) -> Settings:
    """Create a home whose database records every model; none is promoted."""
    settings = load_settings({"REVIEWS_HOME": str(home)})
    for folder in (settings.home.folder, settings.home.inbox, settings.home.bundles):
        folder.mkdir(parents=True)
    for seed, (model_id, words) in enumerate(MODELS.items()):
        record_model(
            settings.home.warehouse, read_facts(_write_bundle(settings.home.bundles / model_id, words, seed))
        )
    return settings


def _write_bundle(folder: Path, words: tuple[str, ...], seed: int) -> Path:
    """Write a bundle that loads and scores like a trained one."""
    folder.mkdir()
    (folder / "model.keras").write_bytes(b"not read where there is a graph")
    (folder / "scorer.onnx").write_bytes(_draw_graph(len(words) + 1, seed))
    (folder / "vocabulary.json").write_text(json.dumps(words), "utf-8")
    own = {"format_version": 2, "hyper_parameters": {"sequence_length": SEQUENCE_LENGTH}}
    facts = describe_untrained(folder.name, "lstm", seed) | own
    _write_facts(folder, facts)
    facts["golden"] = describe_golden(score_texts(load_scorer(folder), GOLDEN_TEXTS).score)
    _write_facts(folder, facts)
    facts["fingerprints"]["bundle"] = fingerprint_bundle(folder)
    _write_facts(folder, facts)
    return folder


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    (folder / "bundle.json").write_text(json.dumps(facts), "utf-8")


def _draw_graph(words: int, seed: int) -> bytes:
    """Return a graph as `models.lstm.export` writes it: an embedding, an LSTM and a dense layer with random weights."""
    from onnx import TensorProto, helper

    random = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return random.normal(0, 1.5, shape).astype(np.float32)

    graph = Graph()
    words_in = graph.add(
        "Gather", graph.keep(draw(words, EMBEDDING)), graph.add("Transpose", "ids", perm=[1, 0])
    )
    weights = [order_gates(draw(size, 4 * UNITS)).T[None].copy() for size in (EMBEDDING, UNITS)]
    names = [graph.keep(each) for each in (*weights, np.zeros((1, 8 * UNITS), np.float32))]
    graph.add("LSTM", words_in, *names, "", "h", "c", outputs=["", "h_out", "c_out"], hidden_size=UNITS)
    last = graph.add("Squeeze", "h_out", graph.keep(np.array([0])))
    last = graph.add("Gemm", last, graph.keep(draw(UNITS, 1)), graph.keep(draw(1)))
    graph.add("Identity", graph.add("Sigmoid", last), outputs=["score"])
    state = (TensorProto.FLOAT, [1, "n", UNITS])
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT32, ["n", "time"])]
    inputs += [helper.make_tensor_value_info(name, *state) for name in ("h", "c")]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])]
    outputs += [helper.make_tensor_value_info(name, *state) for name in ("h_out", "c_out")]
    return serialize_graph(graph, inputs, outputs, {"sequence_length": SEQUENCE_LENGTH, "reaches": []})


def mend_bundle(template: Path, bundles_dir: Path, model_id: str) -> None:
    """Restore the files of a bundle."""
    shutil.rmtree(bundles_dir / model_id, ignore_errors=True)
    shutil.copytree(template / "bundles" / model_id, bundles_dir / model_id)
