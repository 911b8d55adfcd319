"""The home: the one folder that holds all data, and the paths in it."""

import os
from dataclasses import dataclass
from pathlib import Path

LABELS = "labels"
"""The folder of the inbox whose files are no reviews but labels of reviews. So no source has this name."""


@dataclass(frozen=True)
class Home:
    """The folder of all data. Callers pass this object on; only this class knows the names of its files and folders."""

    folder: Path

    @property
    def archive(self) -> Path:
        """The folder of downloaded archives."""
        return self.folder / "archive"

    @property
    def reviews(self) -> Path:
        """The folder of the archive as Parquet: train, test and unsup."""
        return self.folder / "reviews"

    @property
    def bundles(self) -> Path:
        """The folder of trained models: one folder per model, named by its model id."""
        return self.folder / "bundles"

    @property
    def trainings(self) -> Path:
        """The folder of unfinished trainings: one folder per training, with its checkpoints."""
        return self.folder / "trainings"

    @property
    def running(self) -> Path:
        """The folder of runs that go on: an empty folder each, named by its id, which its process holds locked.

        Files in it are notes for the next run: what was being scored, and what came before a restore.
        """
        return self.folder / "running"

    @property
    def inbox(self) -> Path:
        """The folder where new review files are dropped."""
        return self.folder / "inbox"

    @property
    def labels(self) -> Path:
        """The folder of the inbox with files of labels: answers of `reviews models label`, and filled-in sheets."""
        return self.inbox / LABELS

    @property
    def spool(self) -> Path:
        """The folder of copies of a store's objects while a run reads them."""
        return self.folder / "spool"

    @property
    def uploads(self) -> Path:
        """The folder of what is made for a store, or was fetched to be restored, and of locks on places elsewhere."""
        return self.folder / "uploads"

    @property
    def sources(self) -> Path:
        """The folder of profiles of sources: one TOML file per source, named by it."""
        return self.folder / "sources"

    @property
    def destinations(self) -> Path:
        """The folder of destinations of scores: one TOML file each, named by it, and how its last delivery went."""
        return self.folder / "destinations"

    @property
    def parts(self) -> Path:
        """The folder of scored parts that wait for their commit."""
        return self.folder / "parts"

    @property
    def shadow(self) -> Path:
        """The folder of what the shadow scores, until it is committed."""
        return self.folder / "shadow"

    @property
    def backups(self) -> Path:
        """The folder of backups, which `reviews backup` writes."""
        return self.folder / "backups"

    @property
    def exports(self) -> Path:
        """The default output folder of `reviews export`."""
        return self.folder / "exports"

    @property
    def current_export(self) -> Path:
        """The default output folder of `reviews export --current`."""
        return self.folder / "exports-current"

    @property
    def reports(self) -> Path:
        """The folder of report pages, one per run, which `reviews report` and the flows write."""
        return self.folder / "reports"

    @property
    def titles(self) -> Path:
        """The file by which a user gives titles to movies."""
        return self.folder / "titles.csv"

    @property
    def scored(self) -> Path:
        """The folder into which scored files of the inbox are moved, if they are moved at all."""
        return self.folder / "scored"

    @property
    def warehouse(self) -> Path:
        """The database file that flows write; readers use `published`."""
        return self.folder / "reviews.duckdb"

    @property
    def published(self) -> Path:
        """The copy of the database that readers open."""
        return self.folder / "published" / "reviews.duckdb"

    @property
    def standby(self) -> Path:
        """The copy before the published one, from which the next one is made."""
        return self.published.with_name(f".{self.published.name}.standby")

    @property
    def fetched(self) -> Path:
        """The file that says that the published copy came from a store: the manifest of its snapshot."""
        return self.published.with_name("from-store.json")

    @property
    def upload_trouble(self) -> Path:
        """The file that says why no snapshot could be made in a store."""
        return self.published.with_name("upload-trouble.json")

    @property
    def readable(self) -> Path:
        """The database to read: the home's own, or where the copy came from a store, since it is newer, that one."""
        return self.warehouse if self.warehouse.exists() and not self.fetched.exists() else self.published

    @property
    def forgotten(self) -> Path:
        """The file that remembers which rows were forgotten, whatever happens to the database."""
        return self.folder / "reviews.forgotten.jsonl"

    @property
    def backups_elsewhere(self) -> Path:
        """The file that lists the places outside this home where it makes backups: folders, and URIs in stores."""
        return self.folder / ".backups-elsewhere.json"

    @property
    def backed_up_elsewhere(self) -> Path:
        """The empty file whose time is that of the last backup outside the home."""
        return self.folder / ".backed-up-elsewhere"

    @property
    def verified(self) -> Path:
        """The file that says when `reviews verify` last checked the home, and what it found broken."""
        return self.folder / ".verified.json"

    @property
    def prefect(self) -> Path:
        """The folder of `reviews up`: Prefect's database and results, its log and its record of running processes."""
        return self.folder / "prefect"

    @property
    def id_file(self) -> Path:
        """The file with the id by which deployments know this home."""
        return self.prefect / "home-id"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder of the home that this program keeps."""
        return (
            self.archive,
            self.reviews,
            self.bundles,
            self.trainings,
            self.running,
            self.inbox,
            self.spool,
            self.uploads,
            self.sources,
            self.destinations,
            self.parts,
            self.shadow,
            self.backups,
            self.exports,
            self.current_export,
            self.reports,
            self.scored,
            self.published.parent,
            self.prefect,
        )

    def make(self) -> None:
        """Create the home folder if it is missing, without access for other users of the machine."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def close(self) -> str | None:
        """Close a home that other users of the machine may enter, as `mkdir` makes it; return that it was open, if so.

        One that only a group may enter (0750, 0770) stays as it is. A folder that is no home yet is left, too.
        """
        if not (self.warehouse.exists() or self.published.exists() or self.id_file.exists()):
            return None
        state = self.folder.stat()
        if state.st_uid != os.getuid() or not state.st_mode & 0o007:
            return None
        self.folder.chmod(0o700)
        return (
            f"{self.folder}: other users of this machine could read it; it is closed now (0700). To share it with a "
            "group, and with nobody else: chmod 750, or 770."
        )
