"""The Prefect task that writes the report of a run. It is the last stage, and its failure does not fail the run."""

from prefect import task

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
