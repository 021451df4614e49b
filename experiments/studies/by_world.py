"""One study in several worlds, filed under their names: the cells are those of the studies, the tables are concatenated."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.studies.study import Placed, Study


class ByWorld(Study):
    """Base of studies with a field `worlds`, studies by the name of their world."""

    worlds: Mapping[str, Any]

    def cells(self) -> Iterator[Placed]:
        for study in self.worlds.values():
            yield from study.cells()

    def results(self, store: Store, device: str = "cpu") -> Any:
        parts = [study.results(store, device) for study in self.worlds.values()]
        return dataclasses.replace(joined(parts), name=self.name, title=self.title, values=encode(self, expand=True))

    def describe(self) -> str:
        return "\n".join(study.describe() for study in self.worlds.values())

    def filed(self) -> None:
        """ValueError for a study that is filed under another world than its own."""
        for name, study in self.worlds.items():
            if study.world.label != name:
                raise ValueError(f"worlds.{name}: its study is of {study.world.label}")


def joined(parts: list[Any]) -> Any:
    """Results of several worlds as one; name, title and values are the first's."""
    import pandas as pd

    first, *_ = parts
    tables = list(dict.fromkeys(name for part in parts for name in part.tables))
    frames = {name: pd.concat([part.tables[name] for part in parts if name in part.tables]) for name in tables}
    merged = {
        name: {key: entry for part in parts for key, entry in getattr(part, name).items()}
        for name in ("worlds", "n", "part", "families", "failed", "others")
    }
    samplers = {world: part.sampler for part in parts for world in part.worlds}
    table = pd.concat([part.table for part in parts])
    cells = [cell for part in parts for cell in part.cells]
    return dataclasses.replace(first, table=table, cells=cells, tables=frames, samplers=samplers, **merged)
