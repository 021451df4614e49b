"""The students of a run, trained one after another in the store of their teacher."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from experiments import launch
from experiments.device import resolve
from experiments.graph.executors import one_thread
from experiments.graph.following import follow, release
from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.sample_command import trained
from experiments.settings import explain, override
from experiments.tasks.students import LAST, guided_student, halved
from experiments.tasks.train import Train
from experiments.train_command import record


def students(folder: Path, start: int | None, end: int | None, settings: list[str], device: str) -> Iterator[str]:
    """Trains them, or finds them again: a line on what each reaches. Problem for whatever cannot be, before any work."""
    teacher = trained(folder)
    store, tasks = Store(folder.absolute().parent), list(planned(teacher, start, end, settings))
    for task in tasks:
        try:
            task.dry_run()
        except ValueError as error:
            raise Problem(f"{task.title}: {error}") from error
    device = resolve(device)
    one_thread()
    if launch.rank():
        follow(everything(tasks), store, device)
        return
    for task in tasks:
        store.make(task, device)
        yield record(task, store.open(task))
        yield f"run     {store.path(task)}"
    release()


def planned(teacher: Train, start: int | None, end: int | None, settings: list[str]) -> Iterator[Train]:
    """The trainings, each with the settings, and of the one before it as its teacher. Problem for an end without a start."""
    if start is None and end is not None:
        raise Problem(f"--to {end}: steps are halved from those of the teacher's sampling: give --from too, as --from {8 * end}")
    fit = replace(teacher.fit, snapshots=(), averages=None)
    try:
        if start is None:
            yield override(guided_student(teacher, fit), settings)
            return
        for steps in halved(teacher, fit, start, LAST if end is None else end):
            teacher = override(halved(teacher, fit, 2 * steps, steps)[steps], settings)
            yield teacher
    except ValidationError as error:
        raise Problem(explain(error)) from error
    except ValueError as error:
        raise Problem(f"{error}") from error
