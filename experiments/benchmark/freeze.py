"""How a version of the protocol is made, once: `python -m experiments.benchmark.freeze v1`. A version that is there is refused.

Its numbers of the plain model (w = 0) are measured here, in a store of its own, and are what every submission is held to.
"""

import sys
from dataclasses import replace
from pathlib import Path

from analysis.files import write_atomically
from experiments.benchmark.protocol import FOLDER, Protocol, Question, Rules, WorldRules, canonical
from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.problems import Problem
from experiments.shipped import shipped
from experiments.studies import digits_exact, fashion, gaussians
from experiments.studies.methods import FULL, STEPS
from experiments.worlds.digits_exact import SHA256
from guidance.grids import EvenInLogSNR, EvenInU
from guidance.samplers.ddim import DDIM

LEVELS = {"sampler": DDIM(eta=1.0), "steps": STEPS, "labels": "balanced", "budget": 2.0 * STEPS}
FEW = {"strengths": 8, "tolerance": 0.02, "plain": {}}
SEEDS = tuple(range(8))


def of_exact(base: object, files: dict[str, str], *questions: Question) -> WorldRules:
    """The rules of an exact world: those of the main sweep of the study `methods`, so that its cells are this protocol's."""
    study = FULL.worlds[base.world.label]
    own = {"clip": study.clip, "n": study.n, "batch": study.batch, "density": study.density, "grid": EvenInU()}
    return WorldRules(world=base.world, files=files, sample_seeds=SEEDS, questions=questions, **own, **LEVELS, **FEW)


def version_1() -> Rules:
    """guidance-bench v1."""
    best = Question(measures=("frechet_exact",), w=None)
    of_fashion = WorldRules(
        world=fashion.WORLD,
        files={role: digest for role, (_, digest) in shipped("fashion").items()},
        sample_seeds=SEEDS[:4],
        questions=(Question(measures=("fid_fashion", "fid_fashion-convnext"), w=None),),
        density=fashion.LAMBDAS,
        grid=EvenInLogSNR(),
        clip=1.0,
        n=400,
        batch=400,
        **LEVELS,
        **FEW,
    )
    worlds = {
        "gaussians": of_exact(gaussians.QUICK, {}, best, Question(measures=("kl_tilted",), w=1.0)),
        "digits-exact": of_exact(digits_exact.QUICK, {"oracle": SHA256}, best),
        "fashion": of_fashion,
    }
    return Rules(name="guidance-bench", version="v1", worlds=worlds)


VERSIONS = {"v1": version_1}


def measured(rules: Rules, runs: Path) -> Rules:
    """The rules with the plain model's numbers in them."""
    from experiments.benchmark.cells import MethodCells
    from experiments.studies.running import make
    from experiments.studies.study import tables_of
    from experiments.studies.sweep import Curve

    content = encode(rules)
    plain = Curve(method="classifier-free", ws=(0.0,))
    cells = MethodCells(name="plain", protocol=content, methods=dict.fromkeys(rules.worlds, plain))
    store = Store(runs)
    make(cells, store, stale="remake")
    table = tables_of(list(cells.cells()), store)["table"]
    means = table.groupby(["world", "metric"])["value"].mean()
    worlds = {
        name: replace(own, plain={measure: float(means[name, measure]) for measure in own.measures})
        for name, own in rules.worlds.items()
    }
    return replace(rules, worlds=worlds)


def freeze(version: str, runs: Path) -> Protocol:
    """Writes the file of a version. Problem if it is there: what was published is never changed."""
    path = FOLDER / f"{version}.json"
    if path.exists():
        raise Problem(f"{path} is there: a changed protocol is a new version, and old numbers keep theirs")
    protocol = Protocol(encode(measured(VERSIONS[version](), runs)))
    write_atomically(path, canonical(protocol.content))
    return protocol


if __name__ == "__main__":
    print(freeze(sys.argv[1], Path(sys.argv[2])).label)
