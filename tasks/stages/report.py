"""The last stage of a run of which readers see something, as a Prefect task: its report. It never fails a run."""

from pathlib import Path

from prefect import task

from tasks.stages.run_page import show_report, warn
from tasks.support.wording import escape_controls


@task(name="write-report")
def report_run(published: Path, bundles_dir: Path, reports_dir: Path, run_id: str, keep: int) -> str | None:
    """Write the report of the present run, link it on the run's page and give its path; where that fails, only warn."""
    try:
        # Takes a moment to load, and most runs have nothing new.
        from tasks.report.writing import ReportFolder, write_report

        path = write_report(published, bundles_dir, ReportFolder(reports_dir, keep), run_id)
        show_report(path, run_id)
    except Exception as error:  # scores and models are there, whatever becomes of the report
        warn(f"The report was not written ({escape_controls(str(error))}). Next: reviews report {run_id}")
        return None
    return str(path)
