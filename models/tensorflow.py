"""Loads TensorFlow on the device that is asked for, and hides what its native code says of missing devices."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from data_contracts.errors import UsageError
from data_contracts.library_loading import pause_collection

Device = Literal["auto", "cpu", "gpu"]
"""What a training computes on; `auto` is a GPU where there is one, else the CPU."""
CPU = "CPU"


def load_tensorflow(device: Device = "auto") -> None:
    """Import TensorFlow to compute on a device, unless this process has it already and computes on another one."""
    if "tensorflow" not in sys.modules:
        choose_device(device)


def choose_device(device: Device) -> str:
    """Import TensorFlow, let it see only this device, and return its name: `CPU`, or the model of the GPU.

    Shows the messages of its native code only if it fails. Raises `UsageError` where `gpu` is asked for and there is
    none, or where this process computes on another device already.
    """
    # The reasons why a GPU can't be used are warnings.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if device == "gpu" else "2")
    with _hold_back_native_messages(), pause_collection():
        import tensorflow as tf

        gpus = [] if device == "cpu" else tf.config.list_physical_devices("GPU")[:1]
        if device == "gpu" and not gpus:
            raise UsageError(
                "--device gpu: TensorFlow finds no GPU on this machine. Next: if `nvidia-smi` shows one, install the "
                "extra `gpu` (`make gpu` in a checkout), and see what is said above; else leave --device out."
            )
        _show_only(gpus)
        tf.config.list_logical_devices()
    if not gpus:
        return CPU
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))


def _show_only(gpus: list[Any]) -> None:
    """Let TensorFlow see no other GPUs than these, take their memory as it needs it, and round as the CPU does."""
    import tensorflow as tf

    try:
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:
        raise UsageError(
            f"This process computes on another device already ({error}). Next: train in a process of its own."
        ) from error
    # With TF32, products would have three digits, and a model's scores would not be those of its exported graph.
    tf.config.experimental.enable_tensor_float_32_execution(False)


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
