"""The package's structure: who imports whom, and how large files and functions are. Read from the source, not run."""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path
from statistics import median

import pytest

import lottery
from lottery import registry
from lottery.cli.app import app
from lottery.cost import flops
from lottery.networks import collapse

ROOT = Path(lottery.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
CORE = {
    "networks",
    "training",
    "studies",
    "store",
    "crews",
    "config",
    "tasks",
    "arms",
    "cost",
    "curvature",
    *registry.KINDS,
} - {"analyses"}
OUTER = {
    "explaining",
    "reporting",
    "analyses",
    "sweeps",
    "theory",
    "export",
    "cli",
    "display",
    "api",
    "reading",
    "results",
    "contracts",
}


def name(path: Path) -> str:
    """A module's name in the package: `studies.plan`; a room's own file has the room's, and the package's is empty."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name(path): ast.parse(path.read_text()) for path in FILES}


def imported(tree: ast.AST, modules: set[str]) -> set[str]:
    """The modules of the package that a module imports anywhere: in functions, and for types alone, too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide who is meant"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [one if one.removeprefix("lottery.") in modules else node.module for one in whole]
        else:
            continue
        found |= {one.removeprefix("lottery").removeprefix(".") for one in names if one.split(".")[0] == "lottery"}
    return found & modules


def imports(trees: dict[str, ast.AST]) -> dict[str, set[str]]:
    """Module -> those that it imports."""
    return {module: imported(tree, set(trees)) - {module} for module, tree in trees.items()}


def rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Room -> those that it imports; a module at the root is a room of its own."""
    found = defaultdict(set)
    for module, others in graph.items():
        room = module.partition(".")[0]
        found[room] |= {other.partition(".")[0] for other in others} - {room}
    return found


def circle(graph: dict[str, set[str]]) -> str:
    """A circle of a graph, or an empty text."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def test_no_circle_of_modules():
    assert not circle(imports(TREES))


def test_no_circle_of_rooms():
    assert not circle(rooms(imports(TREES)))


def test_the_core_does_not_know_what_is_built_on_it():
    wrong = {
        f"{module} imports {other}"
        for module, others in imports(TREES).items()
        for other in others
        if module.partition(".")[0] in CORE and other.partition(".")[0] in OUTER
    }
    assert not wrong


def test_nothing_imports_the_command_line_but_what_starts_it():
    graph = rooms(imports(TREES))
    assert [room for room, others in graph.items() if "cli" in others] == ["__main__"]


@pytest.mark.parametrize(
    "source",
    [
        "from lottery.reporting.tables import run_tables",
        "import lottery.reporting.tables",
        "from lottery.reporting import tables",
        "def f():\n    from lottery.reporting import tables",
        "if TYPE_CHECKING:\n    from lottery.reporting.tables import run_tables",
    ],
)
def test_an_import_is_found_wherever_it_stands(source):
    trees = {
        "store.run": ast.parse(source),
        "reporting.tables": ast.parse("import lottery.store.run"),
        "reporting": None,
    }
    graph = {module: imported(tree, set(trees)) for module, tree in trees.items() if tree}
    assert graph["store.run"] == {"reporting.tables"}
    assert circle(graph) in (
        "store.run <- reporting.tables <- store.run",
        "reporting.tables <- store.run <- reporting.tables",
    )
    assert circle(rooms(graph)) in ("store <- reporting <- store", "reporting <- store <- reporting")


def test_files_are_small():
    lines = {name(path): len(path.read_text().splitlines()) for path in FILES}
    assert {module: count for module, count in lines.items() if count > 300} == {}
    assert median(lines.values()) < 65


def functions() -> list[tuple[str, ast.FunctionDef]]:
    """Every function with its place, but those that take users' options: of the registry, commands, the API."""
    commands = {command.callback.__name__ for command in app.registered_commands}
    found = []
    for module, tree in TREES.items():
        room, _, last = module.rpartition(".")
        asked = room == "cli" or module in ("api", "reading")
        options = commands if asked else {last} if room in registry.KINDS else set()
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name not in options]
        found += [(f"{module}:{node.lineno} {node.name}", node) for node in nodes]
    return found


def test_functions_are_short():
    lengths = {place: node.end_lineno - node.lineno + 1 for place, node in functions()}
    assert {place: length for place, length in lengths.items() if length > 60} == {}


def test_functions_take_few_parameters():
    counts = {}
    for place, node in functions():
        given = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        counts[place] = len([one for one in given if one not in ("self", "cls")])
    assert {place: count for place, count in counts.items() if count > 7} == {}


def test_what_is_imported_is_declared():
    """In pyproject.toml, that is: a developer's environment has more than a user's; IPython is where notebooks are."""
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][tracker] for tracker in ("tensorboard", "mlflow", "wandb")]
    declared = {re.match(r"[\w-]+", name)[0] for name in chain(project["dependencies"], *extras)}
    names = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn", "mlflow-skinny": "mlflow"}
    known = {names.get(name, name.replace("-", "_")) for name in declared} | {"lottery", "pydantic_core"}
    known |= {"IPython"}  # which is there in a notebook
    for module, tree in TREES.items():
        found = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        found += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        assert {one.partition(".")[0] for one in found} <= known | sys.stdlib_module_names, module


def test_following_operations_does_not_import_the_compiler():
    """Torch wraps what follows operations, and imports its compiler at the first of them: a second of every start."""
    classes = [flops._Counter, collapse._Operations]
    assert not [one for one in classes if hasattr(one.__torch_dispatch__, "__wrapped__")]
    assert {module for module, tree in TREES.items() if "TorchDispatchMode" in ast.dump(tree)} == {
        "networks.operations"
    }
