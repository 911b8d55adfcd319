"""The rules of the house, checked by reading the syntax tree: who may import whom, and what is light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDER = ("flows", "tasks", "models", "data_contracts")
"""Imports run one way: a package may import itself and those after it."""

HEAVY = {
    "tensorflow",
    "keras",
    "great_expectations",
    "pandas",
    "sklearn",
    "scipy",
    "gensim",
    "onnx",
    "onnxruntime",
    "matplotlib",
    "jinja2",
}
READ_ENVIRONMENT = {
    "flows/command/startup.py",
    "deployments/settings.py",
    "models/tensorflow.py",
    "data_contracts/faults.py",
}
RENAMES = {"rename", "renames", "fsync", "fdatasync"}
MOVES = {("os", "replace"), ("shutil", "move")}
HAND_ENVIRONMENT_ON = {
    "deployments/local_server/up.py",
    "deployments/local_server/detached.py",
    "deployments/local_server/temporary_server.py",
}
"""To the processes that they start."""


def list_modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def list_imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way(package: str) -> None:
    forbidden = set(ORDER[: ORDER.index(package)]) | ({"deployments"} if package != "flows" else set())
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in list_modules(package)
        for name in list_imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert not broken


@pytest.mark.parametrize("package", ["models", "data_contracts"])
def test_models_and_contracts_know_nothing_of_prefect(package: str) -> None:
    assert list_modules(package)
    assert not [
        path for path in list_modules(package) for name in list_imports(path) if name.startswith("prefect")
    ]


@pytest.mark.parametrize("package", [*ORDER, "deployments"])
def test_no_module_imports_a_heavy_library_when_it_is_imported(package: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in list_modules(package)
        for name in list_imports(path, top_level_only=True)
        if name.split(".")[0] in HEAVY
    ]
    assert not broken


@pytest.mark.parametrize("package", [*ORDER, "deployments"])
def test_the_environment_is_read_in_one_place(package: str) -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in list_modules(package)
        if re.search(r"os\.environ|os\.getenv", path.read_text("utf-8"))
    }
    assert readers <= READ_ENVIRONMENT | HAND_ENVIRONMENT_ON


@pytest.mark.parametrize("path", sorted(ROOT.glob("flows/*.py")), ids=lambda path: path.name)
def test_no_flow_module_shadows_a_package(path: Path) -> None:
    assert path.stem not in {*ORDER, "deployments"}


def list_renames(path: Path) -> Iterator[str]:
    """Name the calls that rename or sync a file; those of texts, dates and rows have the same names, not arguments."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
            yield from (alias.name for alias in node.names if alias.name in {*RENAMES, "replace", "move"})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            attribute, owner = node.func.attr, ast.unparse(node.func.value)
            is_path_replace = attribute == "replace" and len(node.args) == 1 and not node.keywords
            if attribute in RENAMES or is_path_replace or (owner, attribute) in MOVES:
                yield ast.unparse(node)


@pytest.mark.parametrize("package", [*ORDER, "deployments"])
def test_only_durable_writes_rename_into_place(package: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix(): renames
        for path in list_modules(package)
        if (renames := list(list_renames(path)))
    }
    assert set(found) == ({"data_contracts/durable.py"} if package == "data_contracts" else set())


@pytest.mark.parametrize("package", [*ORDER, "deployments"])
def test_there_is_one_way_into_the_champions_place(package: str) -> None:
    changing = {"keep_decision", "roll_back"}
    found = {
        path.relative_to(ROOT).as_posix()
        for path in list_modules(package)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Name) and node.id in changing)
        or (isinstance(node, ast.Attribute) and node.attr in changing)
    }
    assert found == ({"tasks/warehouse/promotion.py"} if package == "tasks" else set())


def test_deployments_do_not_import_flows() -> None:
    assert not [
        path
        for path in list_modules("deployments")
        for name in list_imports(path)
        if name.startswith("flows")
    ]


@pytest.mark.parametrize("package", [*ORDER, "deployments"])
def test_every_module_says_what_it_is_for(package: str) -> None:
    assert not [
        path for path in list_modules(package) if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["sql", "select 1"], ["variants"], ["score", "--help"], ["explain", "r-1"]]
)
def test_light_commands_load_no_heavy_library(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys; from flows.command.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted({name.split('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", script, "--home", str(tmp_path), *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    loaded = set(ast.literal_eval(result.stdout.split("LOADED ")[1]))
    assert not loaded & (HEAVY | {"prefect"})
