"""Says how to install the libraries of an extra of this package, which only some users need."""

import shlex
import sys
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

from data_contracts.errors import UsageError

_OF_TRAINING = ("gensim", "keras", "onnx", "sklearn", "tensorflow", "vaderSentiment")


def describe_missing(extra: str) -> str:
    """Say that an extra is not installed, and with which command its libraries are added to what is there.

    `uv tool install` would make the environment again, without what earlier commands had added; `pip` is not in one.
    """
    listed = (line.partition(";") for line in requires("review-ratings") or ())
    named = [shlex.quote(name.strip()) for name, _, marker in listed if f'extra == "{extra}"' in marker]
    python = shlex.quote(sys.executable)
    is_tool = Path(sys.prefix, "uv-receipt.toml").is_file()
    install = f"uv pip install --python {python}" if is_tool else f"{python} -m pip install"
    return f"the extra `{extra}`, which is not installed. Next: {' '.join([install, *named])}"


def require_training() -> None:
    """Raise `UsageError` if a library with which models are trained and compared is missing."""
    if not all(map(find_spec, _OF_TRAINING)):
        raise UsageError(f"Training and comparing models needs {describe_missing('train')}")
