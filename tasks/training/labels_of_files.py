"""Decides how many labels of each file of a source are learnt from: of none that turns what earlier files said.

Whoever can send files of a source could else teach the model the opposite of what is true. So labels are looked at in
the order in which they came. Those of a file are not learnt from if more than a third of them contradict the scores of
their reviews, beyond chance, and of earlier ones less did; of honest labels a tenth to a fifth do. And a file gives at
most as many labels as all before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

FEWEST_JUDGED = 20
"""Labels that are judged together: files with fewer are joined, in the order in which they came."""
ALWAYS_LEARNT = 200
"""Labels of a file that are learnt from however few those before it gave: as many gain most of what can be gained."""
_MOST_CONTRARY, _CHANCE = 1 / 3, 3.0
"""Share of labels that may contradict the scores, and standard errors by which more must exceed it."""


@dataclass(frozen=True)
class FileLabels:
    """The labels of one file of a source that no earlier file gave to a near-copy of the same text."""

    source: str
    source_sha256: str
    uri: str
    labels: int
    contrary: int
    """Those that contradict the score that counts of their review."""
    most: int = 0
    """How many of them are learnt from, the newest."""
    is_turned: bool = False
    """Whether they are not learnt from since they turn what earlier files said."""


def judge_files(files: Iterable[FileLabels]) -> list[FileLabels]:
    """Return the files of one source, in the order in which they came, each with what is learnt from it."""
    judged: list[FileLabels] = []
    labels = contrary = 0
    for group in _join_small(files):
        together, against = sum(file.labels for file in group), sum(file.contrary for file in group)
        has_earlier = labels >= FEWEST_JUDGED
        is_turned = has_earlier and contrary <= _MOST_CONTRARY * labels and _is_contrary(together, against)
        bound = max(ALWAYS_LEARNT, labels) if has_earlier else together
        for file in group:
            most = 0 if is_turned else min(file.labels, bound)
            judged.append(replace(file, most=most, is_turned=is_turned))
            labels += most
            contrary += round(file.contrary * most / file.labels)
    return judged


def _is_contrary(labels: int, contrary: int) -> bool:
    """Return whether more of so many labels contradict the scores than may, beyond chance."""
    error = (_MOST_CONTRARY * (1 - _MOST_CONTRARY) * labels) ** 0.5
    return labels >= FEWEST_JUDGED and contrary > _MOST_CONTRARY * labels + _CHANCE * error


def _join_small(files: Iterable[FileLabels]) -> Iterator[Sequence[FileLabels]]:
    """Yield files one after the other, small ones joined until they have enough labels to be judged."""
    group: list[FileLabels] = []
    for file in files:
        group = [*group, file]
        if sum(each.labels for each in group) >= FEWEST_JUDGED:
            yield group
            group = []
    if group:
        yield group
