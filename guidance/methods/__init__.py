"""One file a paper; METHODS is the one registry: every Method of this folder, and of other packages by entry point.

A package adds its own with, in its pyproject.toml,  [project.entry-points."guidance_bench.methods"]  name = "module:Class".
"""

from importlib import import_module
from pkgutil import iter_modules

from guidance.methods.method import NEEDS, ROLES, Method
from guidance.registry import Registry

FAMILIES = ("gradient", "classifier-free", "correction", "weak branch", "with the sampler", "control")


def ours() -> dict[str, type[Method]]:
    """Every method of this folder by name, family by family."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    known = {one for module in modules for one in vars(module).values() if isinstance(one, type) and "name" in vars(one)}
    methods = [one for one in known if issubclass(one, Method)]
    return {one.name: one for one in sorted(methods, key=lambda one: (FAMILIES.index(one.family), one.name))}


def check(method: object) -> None:
    """ValueError for what is no method."""
    if not (isinstance(method, type) and issubclass(method, Method) and "name" in vars(method)):
        raise ValueError("is no guidance.methods.Method with a name")


METHODS = Registry("methods", ours(), check)
CONTROLS = tuple(name for name, method in METHODS.own.items() if method.family == "control")
__all__ = ["CONTROLS", "FAMILIES", "METHODS", "NEEDS", "ROLES", "Method"]
