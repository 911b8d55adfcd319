"""Identifies the data set in an archive: by the sha256 of the archive, else by the digest of its content."""

from hashlib import sha256

from data_contracts.archive import CONTENT_DIGESTS, PUBLISHED_SHA256
from data_contracts.errors import SourceError
from data_contracts.reviews_parquet import FORMAT_VERSION, Provenance
from tasks.archive.reader import ArchiveContents


def resolve_provenance(contents: ArchiveContents, accept_unverified: bool = False) -> Provenance:
    """Return which data set the archive holds and how that was verified: by its sha256, else by its content digest.

    Raises `SourceError` if neither is a known one, unless `accept_unverified`.
    """
    by_content = (name for name, digest in CONTENT_DIGESTS.items() if contents.content_digest == digest)
    dataset: str | None
    if contents.source_sha256 == PUBLISHED_SHA256:
        dataset, verification = "stanford", "published"
    elif dataset := next(by_content, None):
        verification = "content"
    else:
        verification = "accepted_unverified"
    if dataset is None and not accept_unverified:
        known = ", ".join(f"{name} {digest}" for name, digest in CONTENT_DIGESTS.items() if digest)
        raise SourceError(
            "The archive is not a known one. "
            f"Its sha256: {contents.source_sha256} (published: {PUBLISHED_SHA256}). "
            f"Its content digest: {contents.content_digest} (known: {known}). "
            "Next: download the published archive, or accept this one with --accept-unverified."
        )
    proof = "accepted" if dataset is None else "verified"
    fingerprint = sha256(f"{contents.content_digest}\n{proof}\n{FORMAT_VERSION}\n".encode()).hexdigest()
    return Provenance(
        dataset=dataset or "other",
        verification=verification,
        source_sha256=contents.source_sha256,
        content_digest=contents.content_digest,
        data_fingerprint=fingerprint,
        format_version=FORMAT_VERSION,
    )
