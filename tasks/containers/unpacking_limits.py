"""The limits of what compressed files and archives may unpack to, and guards that refuse a file above one as a bomb."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.support.refusals import refusal

Guard = Callable[[int], None]
"""Called with each further number of bytes or members; raises `bomb_suspected` when their sum exceeds a limit."""


@dataclass(frozen=True)
class ContainerLimits:
    """The most that a compressed file or an archive may unpack to; a file above a limit is refused as a bomb."""

    total_bytes: int = 64 << 30
    """Unpacked bytes of all members together."""
    member_bytes: int = 16 << 30
    """Unpacked bytes of one member, or of one compressed file."""
    held_bytes: int = 4 << 30
    """Unpacked bytes of a file for the process for tables, such as Parquet, that is compressed or in an archive: that
    process reads from a file, so all of it is held in memory or on disk."""
    workbook_bytes: int = 128 << 20
    """Bytes of a workbook, which is held in memory."""
    workbook_unpacked_bytes: int = 256 << 20
    """Bytes that a workbook may unpack to."""
    ratio: int = 200
    """Unpacked bytes per byte on disk; reviews compress about 3 to 1, many equal ones 100 to 1."""
    unsuspected_bytes: int = 1 << 30
    """Unpacked bytes up to which the ratio does not matter."""
    members: int = 1_000_000
    rows_per_byte: int = 1
    """Rows per byte on disk; an uncompressed file can't have more."""
    unsuspected_rows: int = 200_000
    """Rows up to which `rows_per_byte` does not matter."""

    def count_rows(self, size: int) -> int:
        """Return the most rows, and the most members, that a file of `size` bytes may have."""
        return max(self.unsuspected_rows, self.rows_per_byte * size)


def limit_member_bytes(limits: ContainerLimits) -> Guard:
    """Return a guard for the unpacked bytes of one member."""
    return limit_bytes(limits.member_bytes, "it")


def limit_members(limits: ContainerLimits) -> Guard:
    """Return a guard for the number of members, skipped ones too."""
    seen = 0

    def count(amount: int) -> None:
        nonlocal seen
        seen += amount
        if seen > limits.members:
            raise refusal("bomb_suspected", f"there are more than {limits.members:,} members, the limit here")

    return count


def limit_bytes(allowed: int, what: str) -> Callable[[int], None]:
    """Return a guard to call with each number of unpacked bytes; it raises `bomb_suspected` above `allowed` bytes.

    `what` names the file in the message.
    """
    total = 0

    def guard(amount: int) -> None:
        nonlocal total
        total += amount
        if total > allowed:
            raise refusal("bomb_suspected", f"{what} unpacks to more than {allowed:,} bytes, the limit here")

    return guard
