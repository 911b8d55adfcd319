"""Gives every machine of a shared home the bundles of the models that were promoted, by the store."""

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from tasks.store.connecting import Store
from tasks.store.stored_bundles import fetch_bundle, upload_bundle
from tasks.warehouse.connection import open_warehouse

_PROMOTED = """
SELECT model_id, bundle_fingerprint FROM models
WHERE model_id IN (SELECT model_id FROM promotions UNION SELECT model_id FROM shadows) ORDER BY ALL
"""


def list_shared(home: Home) -> list[tuple[str, str]]:
    """Return the id and the fingerprint of each model that was promoted or a shadow; none without a database."""
    if not home.warehouse.exists():
        return []
    with open_warehouse(home.warehouse, write=False) as connection:
        return connection.execute(_PROMOTED).fetchall()


def fetch_bundles(home: Home, store: Store) -> None:
    """Fetch the bundles that this machine lacks; one that the store lacks too is missed by whoever needs it."""
    for model_id, fingerprint in list_shared(home):
        if not (home.bundles / model_id).exists():
            try:
                fetch_bundle(store, model_id, fingerprint, home.bundles)
            except BundleError:
                continue


def upload_bundles(home: Home, store: Store) -> None:
    """Upload the bundles of this machine that the store lacks."""
    for model_id, fingerprint in list_shared(home):
        if (folder := home.bundles / model_id).is_dir():
            upload_bundle(store, folder, fingerprint)
