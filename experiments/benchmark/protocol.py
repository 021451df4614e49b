"""What is frozen: worlds, networks by their sha256, seeds, n, labels, sampler, strengths, budget, measures. JSON, and its hash.

The hash is the sha256 of canonical JSON (sorted keys, one space of indent, a newline at the end): two files of equal content
have one hash. A protocol is never changed; what differs is another version, and numbers keep the one they were made under.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from experiments.fields import Count, DensityOf, GridOf, Name, Positive, SamplerOf, Seeds, Size, WorldOf
from experiments.graph.files import read_object
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.settings import explain
from experiments.tasks.images import Labels

FOLDER = Path(__file__).parent
CURRENT = "v1"
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@value
class Question:
    """What methods are ranked by: one or several measures that must agree. w: at this strength (None: each at its own best)."""

    measures: Annotated[tuple[str, ...], Field(min_length=1)]
    w: float | None


@value
class WorldRules:
    """What the cells of a world are.

    files: sha256 of what the world is sampled and measured with, by role: networks, features of real images, the exact model.
    density, sampler, steps, grid, clip, labels, n, batch: of every cell, as in experiments.tasks.sample.Sample.
    sample_seeds: all of them, for every strength. strengths: how many a method may be given at most, w = 0 among them.
    budget: network evaluations of a sample, all kinds together, within which methods are ranked beside each other.
    questions: the rankings. plain: the mean over seeds of measures at w = 0, which is the same model for every method;
    tolerance: how far from it, as a share, a submission's own may be (another class of machine rounds otherwise).
    """

    world: WorldOf
    files: dict[str, Sha256]
    density: DensityOf
    sampler: SamplerOf
    steps: Count
    grid: GridOf
    clip: Positive | None
    labels: Labels
    n: Size
    batch: Count
    sample_seeds: Seeds
    strengths: Annotated[int, Field(ge=2)]
    budget: Positive
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    plain: dict[str, float]
    tolerance: Positive

    @property
    def measures(self) -> list[str]:
        """Those that a question asks for, each once."""
        return list(dict.fromkeys(name for question in self.questions for name in question.measures))


@value
class Rules:
    """A protocol as a value. name and version: what it is called, "guidance-bench" "v1"."""

    name: Name
    version: Annotated[str, Field(pattern="^v[0-9]+$")]
    worlds: Annotated[dict[str, WorldRules], Field(min_length=1)]

    @model_validator(mode="after")
    def filed(self) -> "Rules":
        """ValueError for rules that are filed under another world than their own, and for one seed, which leaves no half."""
        for name, rules in self.worlds.items():
            if rules.world.label != name:
                raise ValueError(f"worlds.{name}: its rules are of {rules.world.label}")
            if len(rules.sample_seeds) < 2:
                raise ValueError(f"worlds.{name}.sample_seeds: two at least, one half to choose w by and one to report")
        return self


@dataclass(frozen=True)
class Protocol:
    """A protocol as it was read: `content` is its JSON, `rules` the same as a value. Equal where the content is."""

    content: dict[str, Any]

    @cached_property
    def sha256(self) -> str:
        """THE hash."""
        return hashlib.sha256(canonical(self.content)).hexdigest()

    @cached_property
    def rules(self) -> Rules:
        """The value. Problem, naming the entry, for what is no protocol of this version of the package."""
        try:
            return Rules(**{key: held for key, held in self.content.items() if key != "is"})
        except ValidationError as error:
            raise Problem(f"no protocol of this version of guidance-bench: {explain(error)}") from error
        except TypeError as error:
            raise Problem(f"no protocol of this version of guidance-bench: {error}") from error

    @property
    def title(self) -> str:
        """As "guidance-bench v1"."""
        return f"{self.rules.name} {self.rules.version}"

    @property
    def label(self) -> str:
        """What stands in every row and figure: "guidance-bench v1 3fa9c1d2"."""
        return f"{self.title} {self.sha256[:8]}"

    @property
    def place(self) -> str:
        """As part of a file's name: "guidance-bench-v1"."""
        return self.title.replace(" ", "-")


def canonical(content: dict[str, Any]) -> bytes:
    """Canonical JSON. ValueError for NaN and infinity."""
    return (json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def versions() -> list[str]:
    """Those that ship with this package, the oldest first."""
    return sorted((file.stem for file in FOLDER.glob("v*.json")), key=lambda name: int(name[1:]))


def read_protocol(named: str = CURRENT) -> Protocol:
    """The protocol of a version that ships ("v1"), or of a JSON file. Problem where there is none, or none that is valid."""
    if named in versions():
        path = FOLDER / f"{named}.json"
    elif named.endswith(".json"):
        path = Path(named)
    else:
        raise Problem(f"there is no protocol {named!r}: it is one of {', '.join(versions())}, or a .json of your own")
    protocol = Protocol(read_object(path))
    try:
        protocol.rules  # noqa: B018  refused here, before any work
    except Problem as problem:
        raise Problem(f"{path} is {problem}") from problem
    if named not in versions() and protocol.rules.name == "guidance-bench" and protocol.sha256 not in known():
        raise Problem(f"{path} is called {protocol.title} and is not it (hash {protocol.sha256[:8]}): give it a name of its own")
    return protocol


def known() -> dict[str, str]:
    """The version of every hash that ships."""
    return {Protocol(read_object(FOLDER / f"{name}.json")).sha256: name for name in versions()}
