"""Gives every machine of a shared home the bundles of the models that were promoted, by the store."""

import re
from contextlib import suppress

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from tasks.store.connecting import Store
from tasks.store.stored_bundles import fetch_bundle, upload_bundle
from tasks.warehouse.published import open_published

_PROMOTED = """
SELECT model_id, bundle_fingerprint FROM models
WHERE model_id IN (SELECT model_id FROM promotions UNION SELECT model_id FROM shadows) ORDER BY ALL
"""


_NAME = re.compile(r"\w[\w.-]{0,200}", re.ASCII)


def list_shared(home: Home) -> list[tuple[str, str]]:
    """Return the id and the fingerprint of each model that was promoted or a shadow; none if nothing was published.

    The published copy may have come from the store: an id that is no plain name is none of a bundle.
    """
    if not home.published.is_file():
        return []
    with open_published(home.published) as connection:
        found = connection.execute(_PROMOTED).fetchall()
    return [each for each in found if all(map(_NAME.fullmatch, each))]


def fetch_bundles(home: Home, store: Store) -> None:
    """Fetch the bundles that this machine lacks; one that the store lacks too is missed by whoever needs it."""
    for model_id, fingerprint in list_shared(home):
        if not (home.bundles / model_id).exists():
            with suppress(BundleError):
                fetch_bundle(store, model_id, fingerprint, home.bundles)


def upload_bundles(home: Home, store: Store) -> None:
    """Upload the bundles of this machine that the store lacks; an altered one, which does not score, is none."""
    for model_id, fingerprint in list_shared(home):
        if (folder := home.bundles / model_id).is_dir():
            with suppress(BundleError):
                upload_bundle(store, folder, fingerprint)
