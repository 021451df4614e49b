"""Listings printed by the command line, and the check of one method against the laws."""

import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.problems import Problem
from experiments.registry import WORLDS, lookup, registry


def list_methods() -> Iterator[str]:
    """Every method by family."""
    from guidance.methods import FAMILIES, METHODS

    yield "F, B: forward and backward pass of the denoiser; f, b: of a classifier; W: forward of a second denoiser"
    for family in dict.fromkeys([*FAMILIES, *(method.family for method in METHODS.values())]):
        yield f"\n{family}"
        for name, method in METHODS.items():
            if method.family == family:
                instance, head = method(), (sys.modules[method.__module__].__doc__ or method.__doc__ or name).splitlines()
                needs = f", needs {', '.join(method.requires_model)}" if method.requires_model else ""
                capable = f", sampler with {', '.join(method.requires_sampler)}" if method.requires_sampler else ""
                cost = instance.nfe_per_call.brief()
                yield f"\n  {name:24} {cost:17} {', '.join(method.roles)}; space {instance.space}{needs}{capable}"
                formula = [head[2]] if len(head) > 2 else []
                for line in (head[0], *formula, (method.__doc__ or "").partition("\n")[0]):
                    yield f"{'':27}{line}"
    yield from broken("methods")


def list_samplers() -> Iterator[str]:
    """Every sampler."""
    from guidance.samplers import SAMPLERS

    for name, sampler in SAMPLERS.items():
        noisy = "draws noise" if sampler().stochastic else "no noise"
        head = (sys.modules[sampler.__module__].__doc__ or name).splitlines()[0]
        yield f"{name:20}order {sampler.order}   {noisy:14}{head}"
    yield from broken("samplers")


def list_worlds() -> Iterator[str]:
    """Every world, without loading its data."""
    for name, world in WORLDS.items():
        shape, classes = getattr(world, "shape", None), getattr(world, "classes", None)
        if not isinstance(shape, tuple):
            channels, size = getattr(world, "channels", None), getattr(world, "size", None)
            shape = (channels, size, size) if isinstance(size, int) else ("any",)
        classes = classes if isinstance(classes, int) else "any"
        oracle = "exact oracle" if world.exact else ""
        yield f"{name:16}{classes:>4} classes  {' x '.join(map(str, shape)):14}{oracle:14}{_first_line(world)}"
    yield from broken("worlds")


def _first_line(documented: object) -> str:
    return ((documented.__doc__ or "").strip().splitlines() or [""])[0]


def world_card(name: str, settings: list[str], download: bool = False) -> Iterator[str]:
    """The card of one world, line by line; settings: `field=value` of the world; download: fetched first, where it can be."""
    from experiments.worlds import data
    from experiments.worlds.chosen import world_of

    if download:
        if not hasattr(kind := lookup("worlds", name), "download"):
            raise Problem(f"{name} has no --download: its card says what it is made of")
        yield f"downloaded to {kind.download()}"
    card = data(world_of(name, settings)).card
    width = max(10, 1 + max(map(len, card)))
    for key, entry in card.items():
        yield f"{key:{width}}{entry}"


def broken(kind: str) -> Iterator[str]:
    """The entry points of other packages that cannot be used, with the reasons."""
    for reason in registry(kind).broken.values():
        yield f"not loaded: {reason}"


def hold_to_laws(name: str) -> Iterator[str]:
    """One line per law: whether the method satisfies it (with its declaration, if it makes one), or how it violates it."""
    method = lookup("methods", name)
    from guidance.laws import LAWS

    for law in LAWS:
        try:
            declared = law(method)
        except Exception as error:  # user code, which may raise anything
            message = str(error).strip().splitlines() or [type(error).__name__]
            yield f"broken  {law.__name__}: {message[0]}"
        else:
            yield f"holds   {law.__name__}" + (f" (declared: {declared})" if declared else "")


def list_runs(runs: Path, kind: str) -> Iterator[str]:
    """The runs of a folder whose address begins with `kind`: address, when it was made, what it is, or what is wrong with it.

    Problem where there is no such folder.
    """
    from experiments.graph.files import read_object
    from experiments.graph.verify import runs_in

    if not runs.is_dir():
        raise Problem(f"there is no folder {runs}: nothing was run from here yet, or it is another one (--runs)")
    for path in runs_in(runs):
        if path.name.startswith(kind) and (path / "manifest.json").is_file():
            try:
                made, title = (read_object(path / f"{name}.json") for name in ("provenance", "config"))
                yield f"{path.name:32} {made.get('finished')!s:26} {title.get('title')}"
            except Problem as problem:
                yield f"{path.name:32} broken: {problem}"
