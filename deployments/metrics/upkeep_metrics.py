"""Reads when the home was last backed up and verified, and how much of its disk is free."""

import shutil
import time
from contextlib import suppress
from datetime import datetime

from data_contracts.storage.home import Home
from deployments.metrics.metric_definitions import BACKED_UP, BROKEN, DISK_FREE, VERIFIED, Sample
from tasks.maintenance.verification import read_verified


def read_upkeep_metrics(home: Home) -> list[Sample]:
    """Return the samples; none of what never was."""
    samples = []
    with suppress(OSError):
        samples.append(Sample(DISK_FREE, (), shutil.disk_usage(home.folder).free))
        made = [path.stat().st_mtime for path in home.backups.glob("[0-9]*.json")]
        if home.backed_up_elsewhere.exists():
            made.append(home.backed_up_elsewhere.stat().st_mtime)
        made = [moment for moment in made if moment <= time.time()]  # a clock was wrong
        samples += [Sample(BACKED_UP, (), max(made))] if made else []
    if home.warehouse.exists():
        verified = read_verified(home)
        samples.append(Sample(BROKEN, (), len(verified.broken)))
        if verified.checked_at and not verified.broken:
            samples.append(Sample(VERIFIED, (), datetime.fromisoformat(verified.checked_at).timestamp()))
    return samples
