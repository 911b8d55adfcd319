"""The fingerprint of a bundle: a sha256 over all its files, by which an altered bundle is detected."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleError
from models.bundle.reading_facts import FACTS_FILE, FORMAT_VERSION, NEXT_STEP, parse_facts, read_facts


def fingerprint_bundle(folder: Path) -> str:
    """Return the sha256 over names and bytes of all files of a bundle, without the fingerprint that it records."""
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        content = _facts_without_fingerprint(path) if path.name == FACTS_FILE else path
        if path.is_file():
            file_digest = sha256(content if isinstance(content, bytes) else content.read_bytes())
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest.hexdigest()}\n".encode())
    return digest.hexdigest()


def _facts_without_fingerprint(path: Path) -> bytes:
    facts = parse_facts(path)
    facts["fingerprints"] = {k: v for k, v in facts["fingerprints"].items() if k != "bundle"}
    return json.dumps(facts, sort_keys=True).encode()


def is_unaltered(folder: Path) -> bool:
    """Return whether a bundle is as it was written: its content has the fingerprint that it records."""
    try:
        return bool(read_facts(folder)["fingerprints"].get("bundle") == fingerprint_bundle(folder))
    except BundleError:
        return False


def require_fingerprint(folder: Path, expected_fingerprint: str) -> None:
    """Compute the fingerprint of a bundle; raise `BundleError` unless it is the expected one."""
    read_facts(folder)
    fingerprint = fingerprint_bundle(folder)
    if fingerprint != expected_fingerprint:
        raise BundleError(
            f"{folder}: was altered after it was trained (fingerprint {fingerprint[:16]}…, recorded "
            f"{expected_fingerprint[:16]}…), so it does not score. {NEXT_STEP}"
        )


def write_fingerprinted_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the facts to `bundle.json`, then write them again with the fingerprint of the whole bundle."""
    path = folder / FACTS_FILE
    body = {"format_version": FORMAT_VERSION, **facts}
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False), "utf-8")
    fingerprints = {**body["fingerprints"], "bundle": fingerprint_bundle(folder)}
    path.write_text(json.dumps({**body, "fingerprints": fingerprints}, indent=1, ensure_ascii=False), "utf-8")
