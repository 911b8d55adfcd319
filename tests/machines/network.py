"""Machines that are network namespaces: each has an address of its own, and reaches the others through one bridge."""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

BRIDGE = "reviews-tests"
STORE_HOST = "10.77.0.1"
"""The address of the bridge, on which the store listens."""
_NEW_NETWORK = 0x40000000


@contextmanager
def make_machines(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the address of each machine by its name; remove them at the end. Needs root, and `ip`."""
    with ExitStack() as stack:
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        stack.callback(_run, "ip", "link", "del", BRIDGE)
        _run("ip", "addr", "add", f"{STORE_HOST}/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        addresses = {}
        for number, name in enumerate(names, start=2):
            addresses[name] = f"10.77.0.{number}"
            _run("ip", "netns", "add", _place(name))
            stack.callback(_run, "ip", "netns", "del", _place(name))
            _run(
                "ip",
                "link",
                "add",
                _cable(name),
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                _place(name),
            )
            _run("ip", "link", "set", _cable(name), "master", BRIDGE, "up")
            _run("ip", "-n", _place(name), "addr", "add", f"{addresses[name]}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _run("ip", "-n", _place(name), "link", "set", device, "up")
        yield addresses


def plug(name: str, *, connected: bool) -> None:
    """Connect a machine to the others, or cut it off."""
    _run("ip", "link", "set", _cable(name), "up" if connected else "down")


def enter(name: str) -> None:
    """Let this process be on a machine from now on."""
    descriptor = os.open(Path("/run/netns") / _place(name), os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "can't enter the machine", name)
    finally:
        os.close(descriptor)


def _place(name: str) -> str:
    return f"{BRIDGE}-{name}"


def _cable(name: str) -> str:
    return f"rt-{name}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
