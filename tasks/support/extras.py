"""Says how to install a library that an extra needs."""

import shlex
import sys
from pathlib import Path


def name_install(requirement: str) -> str:
    """Return the command that adds a library to what this program runs in, and keeps all else that is there.

    `uv tool install` would make the environment again, without what earlier commands had added; `pip` is not in one.
    """
    python = shlex.quote(sys.executable)
    is_tool = Path(sys.prefix, "uv-receipt.toml").is_file()
    return f"{f'uv pip install --python {python}' if is_tool else f'{python} -m pip install'} '{requirement}'"
