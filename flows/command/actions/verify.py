"""What `reviews verify` does: check every promise, and print the rows that break one."""

from collections.abc import Callable

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from flows.command.actions.exclusive import keep_runs_out
from tasks.maintenance.verification import Finding, verify
from tasks.support.wording import count, escape_controls
from tasks.warehouse.connection import require_warehouse


def run_verify(home: Home, echo: Callable[[str], None]) -> None:
    """Print for each promise whether it holds; raise `ReviewsError` at the end if one does not."""
    require_warehouse(home.warehouse, "`reviews score`, or `reviews restore`")
    broken = 0
    with keep_runs_out(home, echo):
        for finding in verify(home):
            echo(_describe_finding(finding))
            broken += bool(finding.broken)
    if broken:
        raise ReviewsError(
            f"{count(broken, 'promise')} broken. Next: correct the rows named above, or `reviews restore` a backup."
        )
    echo("All promises hold.")


def _describe_finding(finding: Finding) -> str:
    """Describe for `reviews verify` whether a promise holds."""
    if not finding.broken:
        return f"ok      {finding.promise}"
    more = finding.broken - len(finding.examples)
    lines = [f"BROKEN  {finding.promise}: {finding.broken:,}"]
    lines += [f"        - {escape_controls(each)}" for each in finding.examples]
    lines += [f"        - and {more:,} more"] if more else []
    return "\n".join(lines)
