"""Lists the models of a home in words: how good they are, which is the champion, and whether it can score."""

from collections.abc import Mapping, Sequence
from typing import Any

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from models.bundle.fingerprint import require_fingerprint
from models.bundle.reading_facts import has_bundle


def describe_models(models: Sequence[dict[str, Any]], home: Home) -> str:
    """Return a table of the models, in their order, with a star before the champion, and whether that can score."""
    if not models:
        return f"There is no model yet in {home.folder}. Next: reviews train"
    header = f"  {'model':<34} {'dataset':<9} {'validation':>10} {'test':>7}  {'trained at':<16}  gate"
    # Those of a home that only reads are elsewhere.
    missing = [
        model["model_id"]
        for model in models
        if home.warehouse.exists() and not has_bundle(home.bundles / model["model_id"])
    ]
    gates = [
        f"{model['gate_rules_held']} of {model['gate_rules']}" if model["gate_rules"] else "-"
        for model in models
    ]
    rows = [
        f"{'*' if model['is_champion'] else ' '} {model['model_id']:<34} {model['dataset']:<9} "
        f"{model['validation_accuracy']:>10.4f} {model['test_accuracy']:>7.4f}  {model['trained_at']:%Y-%m-%d %H:%M}"
        f"  {gate}{'  bundle missing' if model['model_id'] in missing else ''}"
        for model, gate in zip(models, gates, strict=True)
    ]
    champions = [_describe_champion(model, home) for model in models if model["is_champion"]] or [
        "None of them is the champion, so nothing is scored. Next: reviews models promote MODEL"
    ]
    legend = ["Figures are accuracies. gate: how many of its rules held at the model's last check."]
    if missing:
        legend.append(
            f"bundle missing: its folder in {home.bundles} is gone, so it can't be promoted or gone back to. Next: put "
            "that of a backup back, or train it again."
        )
    return "\n".join([header, *rows, *champions, *legend])


def _describe_champion(champion: Mapping[str, Any], home: Home) -> str:
    """Return the line of a message that says whether the champion can score, its bundle being unaltered."""
    if not home.warehouse.exists():
        return "* the champion. The bundles are in the home that publishes this copy; nothing is scored here."
    try:
        require_fingerprint(home.bundles / champion["model_id"], champion["bundle_fingerprint"])
    except BundleError as error:
        return f"* the champion, but it does not score: {error}"
    return "* the champion: it scores."
