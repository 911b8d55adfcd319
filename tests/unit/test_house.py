"""Checks the rules of the code by its syntax trees: allowed imports, and modules that must load quickly."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from data_contracts.storage.faults import FAULT_POINTS

ROOT = Path(__file__).parents[2]
PACKAGES = ("reviews", "flows", "deployments", "tasks", "models", "data_contracts")
ORDER = (
    "reviews",
    "flows.command", "flows.command.console", "flows",
    "deployments.serving", "deployments.metrics", "deployments.site", "deployments.local_server", "deployments",
    "tasks.stages.engine", "tasks.stages",
    "tasks.shadow", "tasks.training", "tasks.explain",
    "tasks.maintenance.forgetting_everywhere", "tasks.maintenance.quarantine", "tasks.maintenance.verification",
    "tasks.site", "tasks.findings", "tasks.report",
    "tasks.snapshots", "tasks.maintenance", "tasks.engine", "tasks.texts", "tasks.scoring", "tasks.sources",
    "tasks.labelling", "tasks.delivery",
    "tasks.pages", "tasks.queries", "tasks.store",
    "tasks.warehouse", "tasks.archive", "tasks.reading",
    "tasks.inbox", "tasks.findings.finding", "tasks.support",
    "models.aspects", "models.word_effects", "models.bundle", "models.variants", "models.list_of_kinds",
    "models.evaluation",
    "models.own_labels", "models.wide_lstm", "models.lstm", "models.training", "models.graphs",
    "models.tokenizer", "models.tensorflow",
    "data_contracts.queries", "data_contracts.warehouse", "data_contracts.storage", "data_contracts",
)  # fmt: skip
"""Imports run one way: a room (a package, a module at the top of `models`, or the type of findings) imports itself and
those after it."""


HEAVY = {
    *(
        "tensorflow",
        "keras",
        "great_expectations",
        "pandas",
        "sklearn",
        "scipy",
        "gensim",
        "onnx",
        "onnxruntime",
    ),
    *("matplotlib", "jinja2", "obstore", "dask", "distributed", "psycopg", "numba"),
}
COMPILED = {"models/wide_lstm/kernels/numba_setup.py", "models/wide_lstm/kernels/numba_ngram_vectors.py"}
"""Modules of Numba's code, which functions import when it is worth its time."""
READ_ENVIRONMENT = {
    "flows/command/startup.py",
    "deployments/settings.py",
    "models/tensorflow.py",
    "data_contracts/storage/faults.py",
}
RENAMES = {"rename", "renames", "fsync", "fdatasync"}
MOVES = {("os", "replace"), ("shutil", "move")}
HAND_ENVIRONMENT_ON = {
    "deployments/local_server/up.py",
    "deployments/local_server/detached.py",
    "deployments/local_server/server_process.py",
}
"""To the processes that they start."""


@cache
def list_modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def list_nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(parse(path)))


@pytest.fixture(scope="module", autouse=True)
def forget_trees() -> Iterator[None]:
    """Free the trees after the last test that reads them."""
    yield
    for function in (parse, list_nodes):
        function.cache_clear()


def list_imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    for node in parse(path).body if top_level_only else list_nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name_module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_module(path): path for package in PACKAGES for path in list_modules(package)}


def find_room(module: str) -> str:
    return max((room for room in ORDER if f"{module}.".startswith(f"{room}.")), key=len, default="")


@cache
def list_own_imports(module: str) -> set[str]:
    """Return the project's modules that a module imports, anywhere in it, also only for types."""
    found = set[str]()
    for node in list_nodes(MODULES[module]):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(inner & MODULES.keys() or {node.module})
    return found & MODULES.keys() - {module}


def test_every_module_lies_in_a_room() -> None:
    assert not [module for module in MODULES if module not in ("tasks", "models") and not find_room(module)]


@pytest.mark.parametrize("room", ORDER)
def test_imports_run_one_way(room: str) -> None:
    after = ORDER[ORDER.index(room) :]
    broken = [
        f"{module} imports {name}"
        for module in MODULES
        if find_room(module) == room
        for name in list_own_imports(module)
        if find_room(name) not in after
    ]
    assert not broken


@pytest.mark.slow
def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {module: list_own_imports(module) for module in MODULES}
    while free := [module for module, names in left.items() if not names & left.keys()]:
        for module in free:
            del left[module]
    assert not left


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_in_one_line_what_it_is_for(package: str) -> None:
    inits = [path for path in list_modules(package) if path.name == "__init__.py"]
    assert {path.parent for path in list_modules(package)} == {path.parent for path in inits}
    texts = {path.parent.name: ast.get_docstring(parse(path)) for path in inits}
    assert not {
        name: text for name, text in texts.items() if not text or not text.splitlines()[0].endswith(".")
    }


@pytest.mark.slow
def test_only_flows_deployments_and_stages_know_prefect() -> None:
    knowing = {
        find_room(module)
        for module, path in MODULES.items()
        for name in list_imports(path)
        if name.split(".")[0] == "prefect"
    }
    assert {room.split(".")[0] for room in knowing if not room.startswith("tasks.stages")} <= {
        "flows",
        "deployments",
    }


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_a_heavy_library_when_it_is_imported(package: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in list_modules(package)
        for name in list_imports(path, top_level_only=True)
        if name.split(".")[0] in HEAVY and path.relative_to(ROOT).as_posix() not in COMPILED
    ]
    assert not broken


@pytest.mark.parametrize("package", PACKAGES)
def test_the_environment_is_read_in_one_place(package: str) -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in list_modules(package)
        if re.search(r"os\.environ|os\.getenv", path.read_text("utf-8"))
    }
    assert readers <= READ_ENVIRONMENT | HAND_ENVIRONMENT_ON


def list_renames(path: Path) -> Iterator[str]:
    """Return the calls that rename or sync a file; methods of texts, dates and rows differ in their arguments."""
    for node in list_nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
            yield from (alias.name for alias in node.names if alias.name in {*RENAMES, "replace", "move"})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            attribute, owner = node.func.attr, ast.unparse(node.func.value)
            is_path_replace = attribute == "replace" and len(node.args) == 1 and not node.keywords
            if attribute in RENAMES or is_path_replace or (owner, attribute) in MOVES:
                yield ast.unparse(node)


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_only_durable_writes_rename_into_place(package: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix(): renames
        for path in list_modules(package)
        if (renames := list(list_renames(path)))
    }
    assert set(found) == ({"data_contracts/storage/durable.py"} if package == "data_contracts" else set())


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_there_is_one_way_into_the_champions_place(package: str) -> None:
    changing = {"record_decision", "roll_back"}
    found = {
        path.relative_to(ROOT).as_posix()
        for path in list_modules(package)
        for node in list_nodes(path)
        if (isinstance(node, ast.Name) and node.id in changing)
        or (isinstance(node, ast.Attribute) and node.attr in changing)
    }
    assert found == ({"tasks/warehouse/promotion.py"} if package == "tasks" else set())


def test_every_fault_point_is_passed_in_one_place() -> None:
    passed = [
        name
        for path in MODULES.values()
        for name in re.findall(r'pass_fault_point\("([^"]+)"\)', path.read_text("utf-8"))
    ]
    assert sorted(passed) == sorted(FAULT_POINTS)


@pytest.mark.process
@pytest.mark.parametrize("arguments", [["sql", "select 1"], ["score", "--help"], ["explain", "r-1"]])
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
