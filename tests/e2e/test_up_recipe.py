"""The README's recipe of `reviews up`, typed as it stands there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deployments.installation_paths import PROJECT_ROOT
from deployments.marked_processes import find_marked
from tests.e2e.conftest import REVIEWS, Demo
from tests.e2e.deployed import find_free_port, make_environment, read_recipe, write_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

README = PROJECT_ROOT / "README.md"


def test_the_recipe_of_the_readme_scores_a_new_file_and_leaves_no_process(demo: Demo, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo.home, home)
    port = find_free_port()
    recipe = read_recipe(README.read_text("utf-8"), "By itself").replace("data/demo", str(home))
    write_reviews(home / "todays-reviews.csv", 7, "today")
    recipe = recipe.replace("~/exports/today.csv", str(home / "todays-reviews.csv")).replace(
        "4200", str(port)
    )
    recipe = recipe.replace(".venv/bin", str(REVIEWS.parent))
    environment = make_environment(home, port)
    environment.pop("PREFECT_API_URL")
    environment["REVIEWS_REPORTS"] = "false"  # which takes a third of the run
    done = subprocess.run(
        ["bash", "-ec", recipe], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=280
    )
    assert (done.returncode, done.stderr) == (0, done.stderr), done.stdout
    assert "Completed" in done.stdout
    assert "│ today1" in done.stdout
    assert find_marked(home) == []
