"""The quick tests again, in a process of its own, with every annotated shape checked at every call: the hook is at import.

Prints a JSON object: the exit code of pytest, whether a wrong shape was refused, and the functions with a shape in their
signature that no test called, so that a selection that has become too narrow is seen. LONG and OTHERS are the tests and the
files that are left out: they take long, and call nothing that the rest does not.
"""

import ast
import json
import os
import re
import sys
from pathlib import Path

import beartype
import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("guidance", "classifiers", "analysis")
SHAPED = {"Float", "Int", "Bool", "Shaped"}
LAWS = "not test_law or prediction_is_consistent"
LONG = (
    "samples_have_the_moments", "has_the_moments", "elbo_is", "lies_above", "gap_falls", "wrong_has", "the_exact_reverse",
    "samples_the_class_better", "no_time_is", "float32_is_float64_but", "recurrence_keeps", "however_the", "one_latent",
    "architecture", "known_gaussians", "stated_floors", "second_pass_over",
    "no_method_knows", "ddim_loop_of_diffusers", "implicit_classifier_of_an_exact", "trace_of_one_batch", "negative_window_gives",
    "training_lowers", "flow_begins", "learns_density", "matrix_product_changes", "flow_of_diffusers",
)  # fmt: skip
OTHERS = re.compile(
    "annotations|repl|orders|shares|with_the_sampler|mutants|test_dit|test_import|torch_fidelity|philox_kernel|host_reads"
)
CALLED: set[tuple[str, str]] = set()


def checker(function):
    """beartype, and a note of whether the function was called."""
    checked, name = beartype.beartype(function), (function.__module__, function.__qualname__)

    def noting(*arguments, **options):
        CALLED.add(name)
        return checked(*arguments, **options)

    return noting


def has_shape(function: ast.FunctionDef) -> bool:
    """Whether an argument or the result is annotated with a shape, and the body is more than a protocol's."""
    arguments = function.args
    hints = [one.annotation for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)] + [function.returns]
    nodes = [node for hint in hints if hint for node in ast.walk(hint)]
    says = any(isinstance(node, ast.Subscript) and getattr(node.value, "id", None) in SHAPED for node in nodes)
    last = function.body[-1]
    empty = isinstance(last, ast.Raise) or (isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant))
    return says and not empty


def shaped(node: ast.AST, prefix: str = "") -> list[str]:
    """The qualified names of a module's functions that have a shape."""
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            found += [prefix + child.name] * has_shape(child) + shaped(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            found += shaped(child, f"{prefix}{child.name}.")
        else:
            found += shaped(child, prefix)
    return found


def functions(room: str) -> set[tuple[str, str]]:
    """Module and qualified name of every function of a room that has a shape."""
    paths = {path: path.parent if path.stem == "__init__" else path.with_suffix("") for path in (ROOT / room).rglob("*.py")}
    modules = {path: ".".join(place.relative_to(ROOT).parts) for path, place in paths.items()}
    return {(module, name) for path, module in modules.items() for name in shaped(ast.parse(path.read_text()))}


def tests(room: str, modules: set[str]) -> list[str]:
    """The files of the room's tests that are of shapes: all but OTHERS, save where most are of tables and pictures."""
    files = [path for path in sorted((ROOT / "tests" / room).rglob("test_*.py")) if not OTHERS.search(path.name)]
    of_shapes = re.compile(rf"^from ({'|'.join(map(re.escape, modules))}) import", re.MULTILINE)
    text = {path: path.read_text() for path in files}
    return [str(path) for path in files if room != "analysis" or (of_shapes.search(text[path]) and "figures" not in text[path])]


def refuses_a_wrong_shape() -> bool:
    import torch
    from jaxtyping import TypeCheckError

    from guidance import alpha_sigma

    try:
        alpha_sigma(torch.zeros(2, 2), torch.zeros(2, 2))  # lambda must be (b,)
    except TypeCheckError:
        return True
    return False


def main(options: list[str]) -> None:
    from under_the_hook import CALLED  # as the hook imports this file, which is another module than __main__

    os.environ.pop("PYTEST_ADDOPTS", None)
    every = {one for room in ROOMS for one in functions(room)}
    files = [path for room in ROOMS for path in tests(room, {module for module, _ in every})]
    hook = f"--jaxtyping-packages={','.join(ROOMS)},under_the_hook.checker"
    chosen = f"({LAWS}) and " + " and ".join(f"not ({words})" for words in LONG)
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow", "-k", chosen]
    code = pytest.main([*files, hook, *quiet, *options])
    silent = [] if code else sorted(".".join(one) for one in every - CALLED)
    print(json.dumps({"code": code, "refuses": refuses_a_wrong_shape(), "silent": silent}))


if __name__ == "__main__":
    main(sys.argv[1:])
