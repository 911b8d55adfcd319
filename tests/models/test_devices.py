"""Tests of what a training computes on. No GPU is at hand, so that one is only pretended."""

import pytest

from data_contracts.errors import UsageError
from models.tensorflow import Device, choose_device

pytestmark = pytest.mark.slow  # TensorFlow is imported

GPUS = ["first GPU", "second GPU"]


class PretendedConfig:
    """In the place of `tf.config`: a machine with two GPUs, and what was set there."""

    def __init__(self) -> None:
        self.experimental = self
        self.visible: list[str] | None = None
        self.grows: list[str] = []
        self.tensor_float_32 = True

    def list_physical_devices(self, kind: str) -> list[str]:
        return GPUS if kind == "GPU" else []

    def list_logical_devices(self) -> list[str]:
        return []

    def set_visible_devices(self, devices: list[str], kind: str) -> None:
        self.visible = devices

    def set_memory_growth(self, gpu: str, grows: bool) -> None:
        self.grows += [gpu] if grows else []

    def enable_tensor_float_32_execution(self, enabled: bool) -> None:
        self.tensor_float_32 = enabled

    def get_device_details(self, gpu: str) -> dict[str, str]:
        return {"device_name": f"the {gpu}"}


@pytest.fixture
def with_gpus(monkeypatch: pytest.MonkeyPatch) -> PretendedConfig:
    """A machine with GPUs."""
    import tensorflow as tf

    config = PretendedConfig()
    monkeypatch.setattr(tf, "config", config)
    return config


@pytest.fixture
def without_gpu() -> None:
    """A machine without one, as it is."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_cpu_computes(device: Device) -> None:
    assert choose_device(device) == "CPU"


@pytest.mark.usefixtures("without_gpu")
def test_a_gpu_that_is_not_there_is_refused_with_the_next_step() -> None:
    with pytest.raises(UsageError, match=r"finds no GPU on this machine.*`nvidia-smi`.*`make gpu`"):
        choose_device("gpu")


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_of_several_gpus_the_first_computes_with_the_memory_that_it_needs_and_rounds_as_the_cpu_does(
    with_gpus: PretendedConfig, device: Device
) -> None:
    assert choose_device(device) == "the first GPU"
    assert with_gpus.visible == with_gpus.grows == ["first GPU"]
    assert not with_gpus.tensor_float_32


def test_a_process_that_computes_on_another_device_can_only_be_left(
    with_gpus: PretendedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(devices: list[str], kind: str) -> None:
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(with_gpus, "set_visible_devices", refuse)
    with pytest.raises(UsageError, match="train in a process of its own"):
        choose_device("cpu")


def test_a_training_on_the_cpu_sees_no_gpu(with_gpus: PretendedConfig) -> None:
    assert choose_device("cpu") == "CPU"
    assert with_gpus.visible == []
