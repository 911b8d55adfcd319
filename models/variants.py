"""Finds variants, of all kinds of model, by name."""

from data_contracts.errors import UsageError
from models import list_of_kinds
from models.training.kind_of_model import Variant

DEFAULT_VARIANT = "wide_lstm"


def list_variants() -> dict[str, Variant]:
    """Return all variants by name, kind by kind."""
    return {variant.name: variant for kind in list_of_kinds.KINDS for variant in kind.variants}


def find_variant(name: str) -> Variant:
    """Return the variant of this name; raise `UsageError`, listing the known names, if there is none."""
    variants = list_variants()
    if name not in variants:
        raise UsageError(f"There is no variant {name!r}. Choose one of: {', '.join(variants)}.")
    return variants[name]
