"""Tests that a bundle is uploaded once, fetched once, and never used if it is another one than was trained."""

import shutil
from pathlib import Path

import pytest

from data_contracts.errors import BundleError
from models.bundle.fingerprint import fingerprint_bundle, write_fingerprinted_facts
from tasks.store import object_operations, stored_bundles
from tasks.store.connecting import Store
from tasks.store.stored_bundles import fetch_bundle, upload_bundle

MODEL = "cnn_lstm-s0-abc"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with the files of a bundle; what is in them does not matter here."""
    folder = tmp_path / "bundles" / MODEL
    folder.mkdir(parents=True)
    (folder / "scorer.onnx").write_bytes(b"graph")
    facts = {"model_id": MODEL, "hyper_parameters": {}, "fingerprints": {}}
    write_fingerprinted_facts(folder, facts)
    return folder


def test_a_bundle_is_uploaded_and_fetched_once(
    store: Store, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = fingerprint_bundle(bundle)
    assert [upload_bundle(store, bundle, fingerprint) for _ in range(2)] == [True, False]
    folder = fetch_bundle(store, MODEL, fingerprint, tmp_path / "kept")
    assert fingerprint_bundle(folder) == fingerprint
    monkeypatch.delattr(stored_bundles, "fetch_folder")
    assert fetch_bundle(store, MODEL, fingerprint, tmp_path / "kept") == folder


def test_a_bundle_that_was_altered_where_it_is_kept_is_fetched_again(
    store: Store, bundle: Path, tmp_path: Path
) -> None:
    fingerprint = fingerprint_bundle(bundle)
    upload_bundle(store, bundle, fingerprint)
    folder = fetch_bundle(store, MODEL, fingerprint, tmp_path / "kept")
    (folder / "scorer.onnx").write_bytes(b"other")
    fetch_bundle(store, MODEL, fingerprint, tmp_path / "kept")
    assert fingerprint_bundle(folder) == fingerprint


def test_a_bundle_of_which_the_upload_was_killed_is_uploaded_again(
    store: Store, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = fingerprint_bundle(bundle)
    with monkeypatch.context() as patch:
        patch.delattr(stored_bundles, "put_if_absent")
        with pytest.raises(NameError):
            upload_bundle(store, bundle, fingerprint)
    assert upload_bundle(store, bundle, fingerprint)
    fetch_bundle(store, MODEL, fingerprint, tmp_path / "kept")


@pytest.mark.parametrize("damage", ["alter", "replace", "delete"])
def test_another_bundle_than_was_trained_is_not_used_and_not_kept(
    store: Store, bundle: Path, tmp_path: Path, damage: str
) -> None:
    fingerprint = fingerprint_bundle(bundle)
    upload_bundle(store, bundle, fingerprint)
    name = f"bundles/{MODEL}/{fingerprint}"
    if damage == "alter":
        object_operations.put(store, f"{name}/scorer.onnx", b"grapf")
    elif damage == "delete":
        object_operations.delete(store, [f"{name}/manifest.json"])
    else:
        (bundle / "scorer.onnx").write_bytes(b"an evil graph")
        other = fingerprint_bundle(bundle)
        upload_bundle(store, bundle, other)
        shutil.rmtree(tmp_path / "store" / name)
        (tmp_path / "store" / name).parent.joinpath(other).rename(tmp_path / "store" / name)
    with pytest.raises(
        BundleError, match=r"does not score \((?!.*Next.*Next).*[^.]\)\. Next: delete this folder"
    ):
        fetch_bundle(store, MODEL, fingerprint, tmp_path / "kept")
    assert not (tmp_path / "kept" / MODEL).exists()
