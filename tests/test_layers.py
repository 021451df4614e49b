"""The architecture is a test: imports only look down, and each heavy library has one door."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "guidance": {"torch", "einops", "jaxtyping", "guidance"},
    "classifiers": {"torch", "einops", "jaxtyping", "timm", "guidance", "classifiers"},
    "analysis": {"torch", "numpy", "pandas", "jaxtyping", "torch_fidelity", "matplotlib", "seaborn", "analysis"},
}
DOORS = {"timm": {"classifiers", "guidance"}, "torch_fidelity": {"analysis"}, "matplotlib": {"analysis"}, "seaborn": {"analysis"}}
STANDARD = __import__("sys").stdlib_module_names


def imports(text: str) -> set[str]:
    """The top-level packages that a file imports, wherever in the file."""
    nodes = [*ast.walk(ast.parse(text))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in names}


def allowed(room: str, path: Path) -> set[str]:
    """What a file of a room may import; one backbone is built of timm's layers."""
    return ROOMS[room] | ({"timm"} if path == ROOT / "guidance/backbones/dit.py" else set())


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


def test_no_file_is_longer_than_250_lines():
    lengths = {path: len(path.read_text().splitlines()) for room in [*ROOMS, "experiments"] for path in files(room)}
    assert max(lengths.values()) <= 250, max(lengths, key=lengths.get)


def test_the_walk_sees_an_import_that_looks_up():
    assert imports("def f():\n    from experiments.runs import Store\nimport timm.models") == {"experiments", "timm"}
