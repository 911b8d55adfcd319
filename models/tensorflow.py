"""Loads TensorFlow without the lines that its native code writes about devices that are not there."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def load_tensorflow() -> None:
    """Import TensorFlow and look for devices; what its native code says is shown only if that fails."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _hold_back_native_messages():
        import tensorflow as tf

        tf.config.list_logical_devices()


@contextmanager
def _hold_back_native_messages() -> Iterator[None]:
    """Send file descriptor 2 to a temporary file; give its content back if the block raises."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
