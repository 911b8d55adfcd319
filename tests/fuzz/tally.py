"""Counts the outcomes of the files by format and by mutation, to show how deep the mutations get."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.fuzz.cases import Plan
from tests.fuzz.worker import FINDING

READ = ("rows", "bad rows", "no rows", FINDING)
_RULES_SHOWN = 4


@dataclass(frozen=True)
class Tally:
    """How many files of each kind had which outcome."""

    formats: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By what the file is, innermost first."""
    mutations: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By layer and mutation; a file counts once for each that was made in it."""
    findings: Counter[str] = field(default_factory=Counter)
    """Files by what was found."""

    def add(self, plan: Plan, outcome: str) -> None:
        """Count one file."""
        self.formats[" in ".join(plan.layers)][outcome] += 1
        for name in {f"{plan.layers[each.layer]}: {each.name}" for each in plan.mutations}:
            self.mutations[name][outcome] += 1


def describe(tally: Tally, seed: int) -> str:
    """Format a tally as Markdown."""
    files = sum(sum(counter.values()) for counter in tally.formats.values())
    findings = [f"- {kind}: {number:,}" for kind, number in tally.findings.most_common()]
    lines = [f"Seed {seed}: {files:,} files, {sum(tally.findings.values()):,} findings.", *findings, ""]
    return "\n".join([*lines, *_table("file", tally.formats), "", *_table("mutation", tally.mutations)])


def _table(what: str, counters: dict[str, Counter[str]]) -> list[str]:
    head = [
        f"| {what} | files | rows | bad rows alone | no rows | findings | refused | by |",
        "| --- |" + " ---: |" * 6 + " --- |",
    ]
    return head + [_row(name, counters[name]) for name in sorted(counters)]


def _row(name: str, counter: Counter[str]) -> str:
    files = sum(counter.values())
    rules = Counter({rule: number for rule, number in counter.items() if rule not in READ})
    shown = ", ".join(f"{rule} {number}" for rule, number in rules.most_common(_RULES_SHOWN))
    more = f" and {len(rules) - _RULES_SHOWN} more" if len(rules) > _RULES_SHOWN else ""
    read = " | ".join(f"{counter[outcome]:,}" for outcome in READ)
    return f"| {name} | {files:,} | {read} | {sum(rules.values()):,} | {shown}{more} |"
