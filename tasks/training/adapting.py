"""Adapts a finished bundle to the sources that gave labels: fits a layer for each, and writes a bundle with them.

The model itself stays as it is, so scoring costs what it did, texts of other sources keep their scores, and so do the
figures of the archive.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleError
from models.bundle.fingerprint import is_unaltered
from models.bundle.folder import OWN_FILE, name_adapted, write_adapted_bundle
from models.bundle.reading_facts import FACTS_FILE, read_facts
from models.bundle.scorer import Scorer, encode_texts
from models.own_labels.fitting import FittedLayer, LabelledTexts, ScoredTexts, fit_layer
from models.own_labels.valences import look_up_words
from tasks.support.code_version import fingerprint_code
from tasks.training.build_bundle import CODE, TrainedBundle
from tasks.training.own_rows import OwnRows


def find_same_training(
    bundles_dir: Path, wanted: Mapping[str, Any], of_code: Collection[str], champion: str | None = None
) -> TrainedBundle | None:
    """Return an unaltered bundle of a training by the present code, which learnt from no source; None if none.

    `wanted` has the facts on which its weights depend, beside the code. `of_code` are the ids of models that other code
    trained, and this code too, to the same weights: their bundles have been kept. Such a training need not run again:
    the same variant, seed, epochs, data and code give the same weights, or on a GPU nearly the same. Of several the one
    that the champion is, or was adapted from, comes first, then the newest.
    """
    base = champion
    if champion is not None and (bundles_dir / champion / OWN_FILE).exists():
        with suppress(BundleError):
            base = read_facts(bundles_dir / champion).get("own", {}).get("base")
    found, code = [], fingerprint_code(CODE)
    for path in sorted(bundles_dir.glob(f"*/{FACTS_FILE}")):
        if (path.parent / OWN_FILE).exists():
            continue
        with suppress(BundleError):
            facts = read_facts(path.parent)
            prints = facts["fingerprints"]
            has = {**facts, "data": prints.get("data")}
            is_of_code = prints.get("code") == code or facts["model_id"] in of_code
            is_same = is_of_code and wanted == {name: has.get(name) for name in wanted}
            if is_same and is_unaltered(path.parent):  # which reads all bytes of a bundle
                found.append(TrainedBundle(facts["model_id"], path.parent, facts))
    return max(found, key=lambda each: (each.model_id == base, each.facts["trained_at"]), default=None)


def fit_layers(scorer: Scorer, rows: Collection[OwnRows]) -> dict[str, FittedLayer]:
    """Fit the layer of each source on its training rows and on its reviews without a label, by source."""
    lexicon = look_up_words(scorer.word_ids)
    fitted = {}
    for each in rows:
        labelled = LabelledTexts(**vars(_score(scorer, each.train.texts)), positive=each.train.positive)
        others = _score(scorer, each.others) if each.others else None
        fitted[each.source] = fit_layer(labelled, others, lexicon)
    return fitted


def _score(scorer: Scorer, texts: Sequence[str]) -> ScoredTexts:
    """Score texts by the model itself, without what any source changed."""
    encoded = encode_texts(scorer, texts)
    ordered = encoded.distinct.take(encoded.positions)
    return ScoredTexts(scorer.predict(ordered), ordered)


def save_adapted(
    base: TrainedBundle,
    fitted: Mapping[str, FittedLayer],
    rows: Collection[OwnRows],
    of_archive: Mapping[str, int] | None = None,
) -> TrainedBundle:
    """Write the bundle of a model with the layers of sources; return the base if no layer changes anything.

    The facts of either say what was learnt of each source, as `own`, how many labels sources without a layer have,
    which are too few, and how many are of texts that the archive has (`of_archive`). Where the same layers are in a
    bundle, it is kept, with the facts of its own training.
    """
    sources = [_describe(each, fitted[each.source]) for each in rows if each.source in fitted]
    too_few = {each.source: each.labels for each in rows if each.source not in fitted}
    own = {
        "base": base.model_id,
        "sources": sources,
        "too_few": too_few,
        "of_archive": dict(of_archive or {}),
    }
    layers = {source: each.layer for source, each in fitted.items() if not each.layer.changes_nothing}
    if not layers:
        return TrainedBundle(base.model_id, base.folder, {**base.facts, "own": own}, base.warnings)
    prints = {name: value for name, value in base.facts["fingerprints"].items() if name != "bundle"}
    facts = {
        **base.facts,
        "model_id": name_adapted(base.facts, layers),
        "own": own,
        "fingerprints": prints,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder = write_adapted_bundle(base.folder, layers, facts)
    written = {**read_facts(folder), "own": own}
    return TrainedBundle(written["model_id"], folder, written, base.warnings)


def _describe(rows: OwnRows, fitted: FittedLayer) -> dict[str, Any]:
    """Return what was learnt of a source, as plain values."""
    return {
        "source": rows.source,
        "labels": len(rows.train.texts),
        "positive": int(rows.train.positive.sum()),
        "held_out": len(rows.test.texts),
        "left_out": rows.left_out,
        "others": len(rows.others),
        "shares_titles": rows.shares_titles,
        "files": [vars(file) for file in rows.files],
        "bias": fitted.layer.bias,
        "ngrams": len(fitted.layer.ngrams),
        "valence": fitted.layer.factor,
        "share_of_no_change": fitted.shares[0],
        "log_loss_before": fitted.log_loss_before,
    }
