"""Loads TensorFlow and hides the messages of its native code about missing devices."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from data_contracts.library_loading import pause_collection


def load_tensorflow() -> None:
    """Import TensorFlow and list its devices; show the messages of its native code only if that fails."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _hold_back_native_messages(), pause_collection():
        import tensorflow as tf

        tf.config.list_logical_devices()


@contextmanager
def _hold_back_native_messages() -> Iterator[None]:
    """Redirect file descriptor 2 to a temporary file; write its content to stderr if the block raises."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
