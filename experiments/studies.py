"""How each kind of study is announced, run and summed up, by the kind of its configuration."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from experiments.classifiers_config import ClassifiersConfig, GuidesConfig
from experiments.classifiers_report import at_a_glance as attacked
from experiments.classifiers_study import classifiers_study
from experiments.config import Config
from experiments.methods_config import MethodsConfig
from experiments.methods_study import at_a_glance as compared
from experiments.methods_study import methods_study
from experiments.report_parts import announce, at_a_glance
from experiments.study import study


def doing(config: Config) -> tuple[list[Callable[..., str]], Callable[..., Path], Callable[[Path], str]]:
    """What says beforehand what is to be done, what does it, and what says in the terminal what came of it."""
    if isinstance(config, ClassifiersConfig):
        return [partial(_announce, one) for one in config.worlds.values()], classifiers_study, attacked
    if isinstance(config, MethodsConfig):
        return [partial(announce, one) for one in config.worlds.values()], methods_study, compared
    return [partial(announce, config)], study, lambda folder: at_a_glance(folder, config)


def _announce(config: GuidesConfig, device: str, workers: int, runs: Path) -> str:
    trainings = len(config.train_seeds) * (2 + len(config.guides) + (config.joint is not None)) + len(config.judges)
    cells = sum(len(one.ws) for one in config.guided.values()) * len(config.train_seeds) * len(config.sample_seeds)
    return (
        f"world {config.world} on {device}, {workers} processes: {trainings} trainings, {cells} cells of {config.n} samples, "
        f"{len(config.guides) + 2} classifiers by lambda; runs are kept in {runs}"
    )
