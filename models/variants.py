"""The table of variants, of all kinds of model: every command knows a variant by its name here."""

from data_contracts.errors import UsageError
from models import kinds
from models.training.types import Variant

DEFAULT_VARIANT = "wide_lstm"


def list_variants() -> dict[str, Variant]:
    """Give all variants by name, kind by kind."""
    return {variant.name: variant for kind in kinds.KINDS for variant in kind.variants}


def find_variant(name: str) -> Variant:
    """Look a variant up by name; an unknown name is a `UsageError` that lists the known ones."""
    variants = list_variants()
    if name not in variants:
        raise UsageError(f"There is no variant {name!r}. Choose one of: {', '.join(variants)}.")
    return variants[name]
