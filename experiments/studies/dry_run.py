"""A dry run of every training: the network is built and evaluated on two samples, and files of feature networks are looked for,
so that errors surface before any work.
"""

from collections.abc import Iterable
from dataclasses import replace

from experiments.graph.task import Task
from experiments.graph.value import digest, encode
from experiments.problems import Problem
from experiments.tasks.features import Features
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Guide
from experiments.tasks.train import Train


def dry_run(tasks: Iterable[Task]) -> None:
    """Problem, naming the training, for a network that cannot be built or cannot take the world's samples."""
    done: set[str] = set()
    for task in tasks:
        if isinstance(task, Train):
            alike = digest(encode([task.world, task.network, task.objective]))
            trial = task.dry_run
        elif isinstance(task, Sample) and isinstance(guide := task.others.get("classifier"), Guide) and guide.softplus:
            alike, trial = digest(encode(replace(guide, classifier=None)) | encode(guide.classifier.network)), guide.dry_run
        elif isinstance(task, Features):
            alike, trial = digest(encode(task.network)), task.network.require
        else:
            continue
        if alike not in done:
            done.add(alike)
            try:
                trial()
            except ValueError as error:
                raise Problem(f"{task.title}: {error}") from error
