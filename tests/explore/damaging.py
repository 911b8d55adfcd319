"""Extends the state machine by rules that damage, lose, remove and repair files of a home."""

import os

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.explore.machine import PUBLISH_POINTS, HomeMachine, kills, picks
from tests.explore.models import MODELS, mend_bundle
from tests.explore.observing import is_whole, list_chunks, list_parts
from tests.explore.world import Kill, damage_file


class DamagedHomeMachine(HomeMachine):
    """The state machine of a home that is used and damaged."""

    @precondition(lambda self: not self.world.damaged_bundles)
    @rule(which=picks, file=st.sampled_from(["scorer.onnx", "vocabulary.json"]), place=picks)
    def damage_bundle(self, which: int, file: str, place: int) -> None:
        self._count("damage a bundle")
        whole = sorted(set(MODELS) - self.world.damaged_bundles)
        model = whole[which % len(whole)]
        damage_file(self.world.settings.home.bundles / model / file, place)
        self.world.damaged_bundles.add(model)

    @precondition(lambda self: self.world.damaged_bundles)
    @rule()
    def mend_bundles(self) -> None:
        self._count("mend bundles")
        for model in self.world.damaged_bundles:
            mend_bundle(self.template, self.world.settings.home.bundles, model)
        self.world.damaged_bundles.clear()

    @precondition(lambda self: self.world.has_waiting_parts())
    @rule(which=picks, file=st.sampled_from(["scored_reviews", "source_reviews", "scored_files"]))
    def damage_part(self, which: int, file: str) -> None:
        """Truncate a file of an uncommitted part."""
        self._count("damage a part")
        folder = self.world.settings.home.parts
        parts = list_parts(folder, self.world.damaged_parts)
        name = parts[which % len(parts)].name
        path = folder / name / f"{file}.parquet"
        os.truncate(path, path.stat().st_size // 2)
        self.world.damaged_parts.add(name)

    @precondition(lambda self: self.world.is_published)
    @rule(how=st.sampled_from(["cut", "garbage", "gone", "older"]))
    def damage_published(self, how: str) -> None:
        self._count("damage the published copy")
        world, path = self.world, self.world.settings.home.published
        content = path.read_bytes()
        if how == "gone":
            path.unlink()
        elif how == "older":
            path.write_bytes(self.old_published or content)
            self.old_published = content
        else:
            path.write_bytes(content[:5000] if how == "cut" else b"\0" * 5000)
        world.is_published = False

    @precondition(lambda self: self.world.exports)
    @rule(which=picks)
    def take_exported_file(self, which: int) -> None:
        """Delete an exported file, which the next export brings back."""
        world = self.world
        found = sorted(path for folder in world.exports for path in folder.glob("day=*/reviews-*.parquet"))
        if not found:
            return
        self._count("take an exported file away")
        path = found[which % len(found)]
        path.unlink()

    @precondition(lambda self: self.world.exports)
    @rule(which=picks)
    def leave_unfinished_export(self, which: int) -> None:
        """Leave a partly written file, as a killed export does."""
        self._count("leave an unfinished export file")
        export = sorted(self.world.exports)[which % len(self.world.exports)]
        folder = export / "day=2026-03-02"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".reviews-000001.parquet.1.tmp").write_bytes(b"PAR1")

    @precondition(lambda self: any(map(is_whole, self.world.backups)))
    @rule(which=picks, place=picks)
    def damage_backup(self, which: int, place: int) -> None:
        """Damage a chunk, which may be that of several backups."""
        self._count("damage a backup")
        whole = sorted(filter(is_whole, self.world.backups))
        chunks = sorted(list_chunks(whole[which % len(whole)]))
        damage_file(chunks[place % len(chunks)], place)

    @precondition(lambda self: any(map(is_whole, self.world.backups)))
    @rule(which=picks, kill=kills(PUBLISH_POINTS))
    def lose_database(self, which: int, kill: Kill) -> None:
        """Truncate the database and restore a backup."""
        self._count("lose the database")
        world = self.world
        whole = sorted(filter(is_whole, world.backups))
        os.truncate(world.settings.home.warehouse, 5000)
        world.settings.home.warehouse.with_name("reviews.duckdb.wal").unlink(missing_ok=True)
        world.database_is_lost, world.is_published = True, False
        self.restore(sorted(world.backups).index(whole[which % len(whole)]), kill)
        world.database_is_lost = False
