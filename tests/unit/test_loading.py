"""Tests that libraries are loaded without what they hardly use, and that Ctrl-C ends a command at any time."""

import os
import signal
import subprocess
import sys
import threading
import tomllib
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

from data_contracts.library_loading import defer_imports
from deployments.installation_paths import PROJECT_ROOT
from flows.command import run
from tasks.support import interruption

HEAVY, LIBRARY = "heavy_of_test_loading", "library_of_test_loading"


def test_a_deferred_module_is_loaded_by_the_first_use_of_a_name_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{HEAVY}.py").write_text("WEIGHT = 7\n")
    uses = f"import {HEAVY}\n\ndef weigh():\n    return {HEAVY}.WEIGHT\n"
    (tmp_path / f"{LIBRARY}.py").write_text(uses)
    monkeypatch.syspath_prepend(str(tmp_path))
    with defer_imports(HEAVY):
        library = import_module(LIBRARY)
    assert HEAVY not in sys.modules
    assert library.weigh() == 7
    assert sys.modules[HEAVY].WEIGHT == 7


@pytest.mark.process
@pytest.mark.parametrize("moment", ["raise KeyboardInterrupt", "signal.raise_signal(signal.SIGINT)"])
def test_ctrl_c_while_the_command_is_loaded_ends_it_with_its_status_and_without_a_word(
    tmp_path: Path, moment: str
) -> None:
    """Also where the loaded module takes the error for one of its own, as extensions do."""
    loaded = (
        f"import signal\ntry:\n    {moment}\nexcept KeyboardInterrupt:\n    {moment}\n    raise ImportError\n"
    )
    (tmp_path / "click.py").write_text(loaded)
    declared = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))
    module, _, function = declared["project"]["scripts"]["reviews"].partition(":")
    caught = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell may ignore it
    )
    script = f"{caught}; from {module} import {function}; {function}()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{PROJECT_ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_that_a_library_takes_for_a_failure_of_its_own_interrupts_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def query() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        interruption.stop_if_interrupted(RuntimeError("Query interrupted"))

    monkeypatch.setattr(interruption, "INTERRUPTED", threading.Event())
    monkeypatch.setattr("flows.command.cli.main", query)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as ended:
            run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == 130
