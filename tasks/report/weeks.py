"""Weeks of the ISO calendar, from Monday to Sunday in UTC, and the names of their pages."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.support.wording import escape_controls

_DAYS = timedelta(days=7)


@dataclass(frozen=True, order=True)
class Week:
    """A week of the ISO calendar, from Monday to Sunday in UTC."""

    first_day: date
    """Its Monday."""

    @property
    def name(self) -> str:
        """Its name in the ISO calendar, such as 2026-W47."""
        year, number, _ = self.first_day.isocalendar()
        return f"{year}-W{number:02}"

    @property
    def page(self) -> str:
        """The name of the file with its page."""
        return f"week-{self.name}.html"

    @property
    def start(self) -> datetime:
        """When it begins."""
        return datetime.combine(self.first_day, time(), UTC)

    @property
    def end(self) -> datetime:
        """When the next one begins."""
        return self.start + _DAYS

    def add(self, weeks: int) -> "Week":
        """Return the week so many weeks later, or earlier if negative."""
        return Week(self.first_day + weeks * _DAYS)


def parse_week(name: str) -> Week:
    """Return the week of a name such as 2026-W47; raise `UsageError` if there is none."""
    year, mark, number = name.strip().upper().partition("-W")
    try:
        if not mark or len(year) != 4 or len(number) != 2:
            raise ValueError
        week = Week(date.fromisocalendar(int(year), int(number), 1))
        week.add(-1).add(2)  # the calendar of this program goes from year 1 to 9999
    except (ValueError, OverflowError):
        raise UsageError(
            f"{escape_controls(name)!r} is no week. Next: name it as in the ISO calendar, such as 2026-W47."
        ) from None
    return week


def require_begun(week: Week, now: datetime) -> Week:
    """Return a week; raise `UsageError` if it has not begun."""
    if week.first_day > now.astimezone(UTC).date():
        raise UsageError(f"{week.name} has not begun. Next: name an earlier week.")
    return week


def find_last_week(moment: datetime) -> Week:
    """Return the last week that is over at a moment."""
    today = moment.astimezone(UTC).date()
    return Week(today - timedelta(days=today.weekday())).add(-1)


def is_week_due(home: Home, now: datetime | None = None) -> bool:
    """Return whether the last week that is over has no page that was written since."""
    week = find_last_week(now or datetime.now(UTC))
    try:
        return (home.reports / week.page).stat().st_mtime < week.end.timestamp()
    except FileNotFoundError:
        return True
