"""Reads `bundle.json`, the facts of a bundle: variant, hyper-parameters, seed, metrics, fingerprints and versions."""

import json
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleError

FORMAT_VERSION = 2
READ_VERSIONS = (1, 2, 3, 4)
"""Format 1 has no `scorer.onnx`: its bundles are scored by Keras. Format 3 has layers for the texts of sources,
4 valences of words in them."""
FACTS_FILE = "bundle.json"
# The gate compares no model with a champion that can't be loaded, so a training alone replaces none.
REPLACE_CHAMPION = (
    "If it is the champion, another model can take its place: `reviews train --promote always` or, if there was one "
    "before, `reviews models rollback` (--to MODEL if that is damaged too), `reviews models promote MODEL --force`."
)
"""What else to do about a bundle that can't be loaded, at the end of a message."""
NEXT_STEP = (
    "Next: put its folder of a backup back: `reviews --home NEW restore PLACE` has it in `NEW/bundles/`. "
    f"{REPLACE_CHAMPION}"
)
"""What to do about a bundle that is damaged or gone."""


def parse_facts(path: Path) -> dict[str, Any]:
    """Parse a `bundle.json` of any format; raise `BundleError` where it is missing or broken."""
    try:
        facts = dict(json.loads(path.read_text("utf-8")))
        missing = {"fingerprints", "format_version", "model_id", "hyper_parameters"} - facts.keys()
    except OSError as error:
        raise BundleError(f"{path}: can't be read ({error.strerror}). {NEXT_STEP}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise BundleError(f"{path}: is not a bundle's description. {NEXT_STEP}") from error
    if missing:
        raise BundleError(f"{path}: lacks {', '.join(sorted(missing))}. {NEXT_STEP}")
    return facts


def has_bundle(folder: Path) -> bool:
    """Return whether there is a bundle in a folder, altered or not; costs no reading."""
    return (folder / FACTS_FILE).is_file()


def read_facts(folder: Path) -> dict[str, Any]:
    """Read `bundle.json`; raise `BundleError` where it is missing, broken or of a newer format."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: there is no such bundle. {NEXT_STEP}")
    facts = parse_facts(folder / FACTS_FILE)
    if facts["format_version"] not in READ_VERSIONS:
        raise BundleError(
            f"{folder}: has format {facts['format_version']}, this version reads {READ_VERSIONS[0]} to "
            f"{READ_VERSIONS[-1]}. Next: update this project. {REPLACE_CHAMPION}"
        )
    return facts
