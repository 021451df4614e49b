"""The architecture is a test: imports only look down, and each heavy library has one door."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "guidance": {"torch", "einops", "jaxtyping", "guidance"},
    "classifiers": {"torch", "einops", "jaxtyping", "timm", "guidance", "classifiers"},
    "analysis": {"torch", "numpy", "pandas", "scipy", "jaxtyping", "torch_fidelity", "matplotlib", "seaborn", "PIL", "analysis"},
}
DOORS = {"timm": {"classifiers", "guidance"}, "torch_fidelity": {"analysis"}, "matplotlib": {"analysis"}, "seaborn": {"analysis"}}
OWN = {
    "analysis/notebooks/execute.py": {"nbclient", "nbformat"},
    "analysis/table.py": {"pyarrow"},
    "analysis/notebooks/kept.py": {"PIL"},
    "guidance/backbones/dit.py": {"timm"},
    "guidance/integrations/diffusers_guider.py": {"diffusers"},
    "guidance/philox.py": {"numpy"},
    "guidance/philox_kernel.py": {"triton"},
}
STANDARD = __import__("sys").stdlib_module_names


def imports(text: str) -> set[str]:
    """The top-level packages that a file imports, wherever in the file."""
    nodes = [*ast.walk(ast.parse(text))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in names}


def allowed(room: str, path: Path) -> set[str]:
    """What a file of a room may import: one backbone is built of timm's layers, noise of numpy's words or a kernel
    of Triton, and notebooks are executed, and their pictures made small, by others' libraries.
    """
    return ROOMS[room] | OWN.get(path.relative_to(ROOT).as_posix(), set())


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_below_it(room):
    assert files(room)
    strangers = {path.name: imports(path.read_text()) - allowed(room, path) - STANDARD for path in files(room)}
    assert not {name: found for name, found in strangers.items() if found}


@pytest.mark.parametrize("library", DOORS)
def test_a_heavy_library_has_one_door(library):
    rooms = ["guidance", "classifiers", "analysis", "experiments"]
    users = {room for room in rooms for path in files(room) if library in imports(path.read_text())}
    assert users <= DOORS[library]


ALL = [*ROOMS, "experiments"]
# Inside analysis each room imports only those before it, and the files that lie beside the rooms.
INSIDE = ["measures", "statistics", "figures", "paper", "findings", "reports", "notebooks"]
GRAPH = {"experiments.graph", "experiments.problems", "guidance.memory", "analysis.files"} | {
    "experiments.launch",
    "experiments.collectives",
}  # what experiments/graph may import


@cache
def modules() -> dict[str, Path]:
    """Every file of the four rooms by the name that it is imported by."""
    paths = [path for room in ALL for path in files(room)]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node of a file but for what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from running(node)


def imported(name: str, text: str, package: bool, known: dict[str, Path]) -> set[str]:
    """The files of ours that a file imports, at its top or in a function, by the names that it gives them."""
    found = set()
    for node in running(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: len(name.split(".")) + package - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {whole if (whole := f"{module}.{alias.name}") in known else module for alias in node.names}
    return found & known.keys() - {name}


@cache
def import_graph() -> dict[str, set[str]]:
    return {name: imported(name, path.read_text(), path.name == "__init__.py", modules()) for name, path in modules().items()}


def test_no_two_files_import_each_other_by_whatever_detour():
    try:
        order = list(TopologicalSorter(import_graph()).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")
    places = [order.index(name) for name in ("guidance.denoiser", "experiments.tasks.sample", "experiments.studies.tradeoff")]
    assert places == sorted(places)


def test_the_graph_of_tasks_knows_nothing_of_diffusion():
    inside = {name: found for name, found in import_graph().items() if name.startswith("experiments.graph")}
    strange = {name: {one for one in found if not one.startswith("experiments.graph.")} - GRAPH for name, found in inside.items()}
    assert len(inside) > 5 and not {name: found for name, found in strange.items() if found}


def test_the_walk_sees_a_circle_wherever_it_is_closed():
    known = {name: Path() for name in ("a", "a.b", "a.c", "d")}
    assert imported("a.b", "def f():\n    from . import c", False, known) == {"a.c"}
    assert imported("a", "from .b import x\nfrom .c import y", True, known) == {"a.b", "a.c"}
    assert imported("a.b", "if TYPE_CHECKING:\n    import d\nfrom a import z", False, known) == {"a"}
    assert imported("a.c", "import d, torch\nfrom ..d import w", False, known) == {"d"}


def test_no_file_is_longer_than_250_lines():
    lengths = {path: len(path.read_text().splitlines()) for room in ALL for path in files(room)}
    assert max(lengths.values()) <= 250, max(lengths, key=lengths.get)


def test_the_walk_sees_an_import_that_looks_up():
    assert imports("def f():\n    from experiments.runs import Store\nimport timm.models") == {"experiments", "timm"}


@pytest.mark.parametrize("room", INSIDE)
def test_a_room_of_analysis_imports_only_rooms_before_it(room):
    above = {f"analysis.{name}" for name in INSIDE[INSIDE.index(room) + 1 :]}
    ours = {name: found for name, found in import_graph().items() if name.startswith(f"analysis.{room}")}
    assert ours
    for name, found in ours.items():
        assert not {other for other in found if other.rpartition(".")[0] in above or other in above}, name
