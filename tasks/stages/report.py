"""The Prefect tasks that write the report of a run, and the site: the last stages, whose failure fails no run."""

from prefect import task

from data_contracts.storage.home import Home
from tasks.stages.run_page import show_report, warn
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run


@task(name="write-report")
def report_run(run: Run, keep: int) -> str | None:
    """Write the report of a run, link it on the run's page and return its path; if that fails, warn and return None."""
    try:
        # Imported here since it is slow to import and most runs, which find nothing new, write no report.
        from tasks.report.writing import write_report

        path = write_report(run.home, run.run_id, keep=keep)
        show_report(path, run.run_id)
    except (
        Exception
    ) as error:  # the scores or the model are committed and published, so the run has not failed
        warn(f"The report was not written ({escape_controls(str(error))}). Next: reviews report {run.run_id}")
        return None
    return str(path)


@task(name="write-site")
def update_site(home: Home) -> str | None:
    """Bring the site up to date, and return the path of its first page; if that fails, warn and return None."""
    try:
        from tasks.site.writing import write_site

        return str(write_site(home).index)
    except Exception as error:  # likewise
        warn(f"The site was not written ({escape_controls(str(error))}). Next: reviews site")
        return None
