"""Puts faults into a copy of the checkout, one at a time, and reports which tests catch them.

`python -m tests.mutations [--area AREA]`. Exit status 1 if a fault is missed.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.mutations.copies import NOTHING_FAILED, Copy, open_copy
from tests.mutations.faults import AREAS, FAULTS, Fault

ROOT = Path(__file__).parents[2]
MISSED = "missed"
FOLDERS = ("tests/unit", "tests/contracts", "tests/models", "tests/flows")


def main() -> int:
    """Try the faults and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another one, with a .venv of its own")
    parser.add_argument("--area", help="faults of one area alone")
    parser.add_argument("--record", type=Path, help="keep results in this file, and go on from those in it")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if arguments.area in (None, fault.area)]
    caught = try_all(arguments.checkout.resolve(), faults, arguments.record)
    missed = [fault.name for fault in faults if caught[fault.name] == MISSED]
    print(
        f"caught: {len(faults) - len(missed)} of {len(faults)}",
        *(f"missed: {name}" for name in missed),
        sep="\n",
    )
    return 1 if missed else 0


def try_all(checkout: Path, faults: Sequence[Fault], record: Path | None) -> dict[str, str]:
    """Try faults in a copy of the checkout; return by name the test that caught each, or 'missed'."""
    caught: dict[str, str] = json.loads(record.read_text("utf-8")) if record and record.exists() else {}
    with tempfile.TemporaryDirectory(prefix="mutations-") as name, open_copy(checkout, Path(name)) as copy:
        for fault, wider in [(each, wider) for wider in (False, True) for each in faults]:
            if caught.get(fault.name, MISSED) == MISSED:
                caught[fault.name] = try_fault(copy, fault, wider=wider)
                print(f"{fault.name}: {caught[fault.name]}", file=sys.stderr, flush=True)
            if record:
                record.write_text(json.dumps(caught, indent=1) + "\n", "utf-8")
        require_sound(copy, {caught[fault.name] for fault in faults} - {MISSED})
    return caught


def try_fault(copy: Copy, fault: Fault, *, wider: bool) -> str:
    """Return the test that catches a fault: of the expected tests, or else of all that touch its module."""
    with copy.change(fault.file, fault.old, fault.new):
        tests = list_wider(copy.folder, fault) if wider else list_own(copy.folder, fault)
        ended = copy.run(tests) if tests else None
    return MISSED if ended is None or ended.status in NOTHING_FAILED else ended.failed or "too slow"


def list_own(folder: Path, fault: Fault) -> list[str]:
    """Return the tests that should catch a fault, as far as the checkout has them."""
    named = [(test, *test.split("::")) for test in fault.tests]
    return [
        test
        for test, file, *names in named
        if (folder / file).is_file() and all(name in (folder / file).read_text("utf-8") for name in names)
    ]


def list_wider(folder: Path, fault: Fault) -> list[str]:
    """Return the test files that name a module, and those of the flows and commands that use its area."""
    package, _, module = fault.file.removesuffix(".py").replace("/", ".").rpartition(".")
    naming = re.compile(rf"{re.escape(package)}(\.{module}\b| import .*\b{module}\b)")
    paths = [path for each in FOLDERS for path in sorted((folder / each).glob("test_*.py"))]
    names = [path.relative_to(folder).as_posix() for path in paths if naming.search(path.read_text("utf-8"))]
    return [name for name in dict.fromkeys((*names, *AREAS[fault.area])) if name not in fault.tests]


def require_sound(copy: Copy, tests: Iterable[str]) -> None:
    """Raise `RuntimeError` if a test that caught a fault also fails without one."""
    ended = copy.run(sorted(test for test in tests if "::" in test))
    if ended.status != 0:
        raise RuntimeError(f"{ended.failed} fails without a fault")


if __name__ == "__main__":
    sys.exit(main())
