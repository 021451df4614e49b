"""One file per paper; METHODS is the registry: every Method of this folder, and of other packages by entry point.

A package adds its own with, in its pyproject.toml,  [project.entry-points."guidance_bench.methods"]  name = "module:Class".
"""

from importlib import import_module
from pkgutil import iter_modules

from guidance.methods.method import MODEL_REQUIREMENTS, Method
from guidance.methods.roles import ROLES
from guidance.registry import Registry

FAMILIES = ("gradient", "classifier-free", "correction", "weak branch", "with the sampler", "control")


def built_in() -> dict[str, type[Method]]:
    """Every method of this folder by name, family by family."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type) and "name" in vars(kind)}
    methods = [kind for kind in kinds if issubclass(kind, Method)]
    return {kind.name: kind for kind in sorted(methods, key=lambda kind: (FAMILIES.index(kind.family), kind.name))}


def check(method: object) -> None:
    """ValueError for what is no method."""
    if not (isinstance(method, type) and issubclass(method, Method) and "name" in vars(method)):
        raise ValueError('is no guidance.methods.Method with a name, as `class Mine(Method, name="mine")` has it')


METHODS = Registry("methods", built_in(), check, {"cfg": "classifier-free", "cg": "classifier"})
CONTROLS = tuple(name for name, method in METHODS.own.items() if method.family == "control")
__all__ = ["CONTROLS", "FAMILIES", "METHODS", "MODEL_REQUIREMENTS", "ROLES", "Method"]
