"""The Prefect tasks that write the report of a run, and the page of a week: their failure fails no run."""

from datetime import UTC, datetime

from prefect import task

from data_contracts.storage.home import Home
from tasks.findings.finding import NOTE, Finding
from tasks.report.weeks import find_last_week
from tasks.stages.log_messages import warn
from tasks.stages.run_page import name_address, show_report
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run


@task(name="write-report")
def report_run(run: Run, site_url: str | None = None) -> str | None:
    """Write the report of a run, link it on the run's page and return its path; if that fails, warn and return None.

    `site_url` is where reports are served, if they are.
    """
    try:
        # Imported here since it is slow to import and most runs, which find nothing new, write no report.
        from tasks.report.writing import write_report

        path = write_report(run.home, run.run_id)
        show_report(path, run.run_id, site_url)
    except (
        Exception
    ) as error:  # the scores or the model are committed and published, so the run has not failed
        warn(f"The report was not written ({escape_controls(str(error))}). Next: reviews report {run.run_id}")
        return None
    return str(path)


@task(name="write-week")
def write_last_week(home: Home, site_url: str | None = None) -> list[Finding]:
    """Write the page of the last week that is over and return what it says, with its address; if that fails, warn.

    Of a week that was over before the first file came, nothing is said. `site_url` is where it is served, if so.
    """
    try:
        from tasks.report.week import write_week

        made = write_week(home, find_last_week(datetime.now(UTC)), is_served=site_url is not None)
    except Exception as error:  # likewise
        problem = escape_controls(str(error))
        warn(f"The page of a week was not written ({problem}). Next: reviews report --week")
        return []
    words, following = (
        f"{made.summary} {name_address(made.path, site_url)}",
        f"reviews report --week {made.week.name}",
    )
    return [Finding("week", made.week.name, words, following, NOTE, is_over=True)] if made.has_begun else []
