"""Bundles in a store: the home uploads the one that scores, once; each worker of an engine fetches and keeps it.

A bundle lies below `bundles/MODEL/FINGERPRINT/`, with a manifest that is written last. The fingerprint is of all its
content, so nothing there changes, and whoever fetches a bundle checks it.
"""

import json
from dataclasses import asdict
from pathlib import Path

from data_contracts.errors import BundleError, ObjectMissingError, StoreError, StoreUnreachableError
from data_contracts.storage.durable import build_folder, remove
from models.bundle.fingerprint import require_fingerprint
from tasks.store.checked_folders import (
    fetch_folder,
    measure_folder,
    parse_files,
    reading_manifest,
    upload_folder,
)
from tasks.store.connecting import Store
from tasks.store.object_operations import find_object, put_if_absent

BUNDLES = "bundles"
MANIFEST = "manifest.json"


def upload_bundle(store: Store, folder: Path, fingerprint: str) -> bool:
    """Write a bundle unless the store has it; return whether that was needed. `folder` is named by the model's id.

    Raises `BundleError` if it has another fingerprint.
    """
    prefix = _name(folder.name, fingerprint)
    try:
        find_object(store, f"{prefix}/{MANIFEST}")
        return False
    except ObjectMissingError:
        require_fingerprint(folder, fingerprint)
        files = measure_folder(folder)
    upload_folder(store, prefix, folder, files)
    content = {name: asdict(facts) for name, facts in files.items()}
    return put_if_absent(store, f"{prefix}/{MANIFEST}", json.dumps(content).encode())


def require_bundle(store: Store, model_id: str, fingerprint: str) -> None:
    """Raise `StoreError` if the bundle of a model can't be read in a store."""
    find_object(store, f"{_name(model_id, fingerprint)}/{MANIFEST}")


def fetch_bundle(store: Store, model_id: str, fingerprint: str, bundles_dir: Path) -> Path:
    """Return the folder of a bundle in `bundles_dir`, into which it is fetched unless it is there unaltered.

    Raises `BundleError` if the store has none with this fingerprint.
    """
    folder = bundles_dir / model_id
    if _is_kept(folder, fingerprint):
        return folder
    prefix = _name(model_id, fingerprint)
    with build_folder(folder, replace=True) as building:
        try:
            with reading_manifest(store, f"{prefix}/{MANIFEST}") as stated:
                files = parse_files(stated)
            fetch_folder(store, prefix, files, building)
            require_fingerprint(building, fingerprint)
        except StoreUnreachableError:
            raise
        except (BundleError, StoreError) as error:
            problem = (
                "another fingerprint"
                if isinstance(error, BundleError)
                else str(error).partition(" Next: ")[0]
            )
            raise BundleError(
                f"{store.name(prefix)}: is not the bundle that was trained, so it does not score "
                f"({problem.removesuffix('.')}). Next: delete this folder of the store; the next run uploads it again."
            ) from error
    return folder


def _is_kept(folder: Path, fingerprint: str) -> bool:
    """Return whether a bundle was fetched before; delete what is there instead."""
    try:
        require_fingerprint(folder, fingerprint)
        return True
    except BundleError:
        remove(folder)
        return False


def _name(model_id: str, fingerprint: str) -> str:
    """Return the name below which the files of a bundle lie."""
    return f"{BUNDLES}/{model_id}/{fingerprint}"
