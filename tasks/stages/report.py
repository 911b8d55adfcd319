"""The last stage of a run of which readers see something, as a Prefect task: its report. It never fails a run."""

from prefect import task

from tasks.stages.run_page import show_report, warn
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run


@task(name="write-report")
def report_run(run: Run, keep: int) -> str | None:
    """Write the report of a run, link it on the run's page and return its path; where that fails, only warn."""
    try:
        # Takes a moment to load, and most runs have nothing new.
        from tasks.report.writing import write_report

        path = write_report(run.home, run.run_id, keep=keep)
        show_report(path, run.run_id)
    except Exception as error:  # scores and models are there, whatever becomes of the report
        warn(f"The report was not written ({escape_controls(str(error))}). Next: reviews report {run.run_id}")
        return None
    return str(path)
