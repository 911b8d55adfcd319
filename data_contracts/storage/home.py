"""The home: the one folder that holds all data, and the paths in it."""

import os
from dataclasses import dataclass
from pathlib import Path

LABELS = "labels"
"""The folder of the inbox whose files are no reviews but labels of reviews. So no source has this name."""


@dataclass(frozen=True)
class _Below:
    """A path in a home, by its place below the folder of that."""

    place: str

    def __get__(self, home: "Home", of: type["Home"]) -> Path:
        return home.folder / self.place


class _Folder(_Below):
    """A folder that this program keeps."""


@dataclass(frozen=True)
class Home:
    """The folder of all data. Callers pass this object on; only this class knows the names of its files and folders."""

    folder: Path

    archive = _Folder("archive")
    """The folder of downloaded archives."""
    reviews = _Folder("reviews")
    """The folder of the archive as Parquet: train, test and unsup."""
    bundles = _Folder("bundles")
    """The folder of trained models: one folder per model, named by its model id."""
    trainings = _Folder("trainings")
    """The folder of unfinished trainings: one folder per training, with its checkpoints."""
    running = _Folder("running")
    """The folder of runs that go on: an empty folder each, named by its id, which its process holds locked.

    Files in it are notes for the next run: what was being scored, and what came before a restore.
    """
    inbox = _Folder("inbox")
    """The folder where new review files are dropped."""
    labels = _Below(f"inbox/{LABELS}")
    """The folder of the inbox with files of labels: answers of `reviews models label`, and filled-in sheets."""
    spool = _Folder("spool")
    """The folder of copies of a store's objects while a run reads them."""
    uploads = _Folder("uploads")
    """The folder of what is made for a store, or was fetched to be restored, and of locks on places elsewhere."""
    sources = _Folder("sources")
    """The folder of profiles of sources: one TOML file per source, named by it."""
    destinations = _Folder("destinations")
    """The folder of destinations of scores: one TOML file each, named by it, and how its last delivery went."""
    parts = _Folder("parts")
    """The folder of scored parts that wait for their commit."""
    shadow = _Folder("shadow")
    """The folder of what the shadow scores, until it is committed."""
    backups = _Folder("backups")
    """The folder of backups, which `reviews backup` writes."""
    exports = _Folder("exports")
    """The default output folder of `reviews export`."""
    current_export = _Folder("exports-current")
    """The default output folder of `reviews export --current`."""
    reports = _Folder("reports")
    """The folder of report pages, one per run, which `reviews report` and the flows write."""
    titles = _Below("titles.csv")
    """The file by which a user gives titles to movies."""
    scored = _Folder("scored")
    """The folder into which scored files of the inbox are moved, if they are moved at all."""
    warehouse = _Below("reviews.duckdb")
    """The database file that flows write; readers use `published`."""
    published = _Below("published/reviews.duckdb")
    """The copy of the database that readers open."""
    standby = _Below("published/.reviews.duckdb.standby")
    """The copy before the published one, from which the next one is made."""
    fetched = _Below("published/from-store.json")
    """The file that says that the published copy came from a store: the manifest of its snapshot."""
    upload_trouble = _Below("published/upload-trouble.json")
    """The file that says why no snapshot could be made in a store."""
    forgotten = _Below("reviews.forgotten.jsonl")
    """The file that remembers which rows were forgotten, whatever happens to the database."""
    backups_elsewhere = _Below(".backups-elsewhere.json")
    """The file that lists the places outside this home where it makes backups: folders, and URIs in stores."""
    backed_up_elsewhere = _Below(".backed-up-elsewhere")
    """The empty file whose time is that of the last backup outside the home."""
    verified = _Below(".verified.json")
    """The file that says when `reviews verify` last checked the home, and what it found broken."""
    prefect = _Folder("prefect")
    """The folder of `reviews up`: Prefect's database and results, its log and its record of running processes."""
    id_file = _Below("prefect/home-id")
    """The file with the id by which deployments know this home."""

    @property
    def readable(self) -> Path:
        """The database to read: the home's own, or where the copy came from a store, since it is newer, that one."""
        return self.warehouse if self.warehouse.exists() and not self.fetched.exists() else self.published

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder of the home that this program keeps."""
        kept = [each.place for each in vars(Home).values() if isinstance(each, _Folder)]
        return (*(self.folder / place for place in kept), self.published.parent)

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
