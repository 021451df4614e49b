"""From a study to its table, figures and page: planned, checked for stale runs, computed, and reported."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from experiments import launch
from experiments.cluster import connected
from experiments.device import resolve
from experiments.graph.executors import cores, executor, one_thread
from experiments.graph.fingerprint import packages
from experiments.graph.following import follow, release
from experiments.graph.run import Outcome, Plan, everything, plan, run
from experiments.graph.store import MISSING, Store
from experiments.graph.task import Task
from experiments.problems import Problem
from experiments.progress import bar
from experiments.studies.dry_run import dry_run
from experiments.studies.study import Report, Study

Stale = Literal["ask", "remake", "accept"]


def run_study(
    study: Study,
    runs: str | Path = "runs",
    workers: int | None = None,
    device: str = "auto",
    stale: Stale = "ask",
    retry: bool = False,
    tell: Callable[[str], None] = print,
    cluster: str | None = None,
) -> Any:
    """Runs what is missing of a study, and returns its analysis.results.Results; `results.folder` holds table, figures and page.

    workers: processes of one thread (None: one per core, at most 8, and 1 on a GPU). stale: what becomes of runs that another
    code or other parents made: "ask" stops with one line. retry: cells that failed before are tried again. cluster: the address
    of a dask scheduler, or its scheduler file: its workers run all, each on its own device. Problem for what cannot be done;
    cells that fail are reported, and named in `results.failed`.
    """
    study_run = make(study, Store(Path(runs)), workers, device, stale, retry, tell, cluster)
    return replace(study.results(study_run.store, study_run.device), folder=study_run.folder)


class StudyRun:
    """What came of a run of a study: its folder, and what failed."""

    def __init__(self, store: Store, report: Report, device: str, outcome: Outcome):
        self.store, self.report, self.device, self.outcome = store, report, device, outcome

    @property
    def folder(self) -> Path:
        """Where table, figures and page are."""
        return self.store.path(self.report)

    def summary(self) -> str:
        """The main numbers, for the terminal."""
        return (self.store.open(self.report) / "summary.txt").read_text()


def make(
    study: Study,
    store: Store,
    workers: int | None = None,
    device: str = "auto",
    stale: Stale = "ask",
    retry: bool = False,
    tell: Callable[[str], None] = print,
    cluster: str | None = None,
) -> StudyRun:
    """As `run_study`, in a store."""
    if cluster is not None and (workers is not None or launch.size() > 1):
        raise Problem("a cluster has the workers that it has: leave --workers out, and start one process")
    if launch.size() > 1 and (workers or 1) > 1:
        raise Problem(f"workers: {launch.size()} processes were started already, each of which works: leave --workers out")
    here = resolve(device if cluster is None else "auto")
    workers = workers or (1 if here.startswith("cuda") or launch.size() > 1 else cores())
    report = Report(study=study)
    if launch.rank():
        with one_thread():
            return StudyRun(store, report, here, follow(everything([report]), store, here))
    planned = plan([report], store, retry)
    if planned.stale and stale == "accept":
        for address in planned.stale:
            store.accept(planned.tasks[address])
        planned = plan([report], store, retry)
    if planned.stale and stale == "ask":
        raise Problem(planned.question())
    wanted = [task for task in planned.wanted.values() if not task.derived]
    if wanted:
        dry_run(task for task in wanted if planned.states[task.address] == (MISSING,))
        if (workers > 1 or cluster) and not all(travels(task) for task in planned.wanted.values()):
            if cluster is not None:
                raise Problem("values of a class that was typed in here cannot go to a cluster: put it in a module")
            workers = 1
            tell("values of a class that was typed in here cannot go to other processes: one is used")
        count = max(workers, launch.size())
        place = f"{here}, {count} process{'es' if count > 1 else ''}" if cluster is None else f"the workers of {cluster}"
        tell(f"{study.describe()}\non {place}; runs in {store.root}")
    outcome = _run(planned, store, workers, here if cluster is None else device, stale == "remake", tell, cluster)
    _report_failures(outcome, planned, report, store, tell)
    release(outcome)
    return StudyRun(store, report, here, outcome)


def travels(task: Task) -> bool:
    """Whether a worker process can import the classes of a task: not where one was typed into a notebook."""
    return not any(name.startswith("__main__.") for name in task.code)


def _run(
    planned: Plan, store: Store, workers: int, device: str, remake: bool, tell: Callable[[str], None], cluster: str | None
) -> Outcome:
    wanted = planned.wanted.values()
    there = cluster is not None and bool(wanted)
    used = packages({module for task in wanted for module in task.code})
    engine = connected(str(cluster), store.root, tell) if there else executor(workers if len(wanted) > 1 else 1, used)
    with engine as pool, bar("tasks", len(wanted), "task") as shown:

        def ended(task: Task, what: str) -> None:
            shown.set_postfix_str(task.title, refresh=False)
            shown.update()

        return run(planned, store, pool, pool.workers if there else workers, device, remake, ended)


def _report_failures(outcome: Outcome, planned: Plan, report: Report, store: Store, tell: Callable[[str], None]) -> None:
    reasons = [*outcome.failed.values(), *outcome.unmade.values()]
    for reason in outcome.failed.values():
        tell(f"failed: {reason}")
    if outcome.failed:
        again = "; --retry tries them again" if planned.failed else ""
        tell(f"{len(outcome.failed)} failed, {len(outcome.unmade)} could not be made of them{again}")
    if store.state(report) == (MISSING,):
        raise Problem(f"nothing of {report.study.name} could be made: {reasons[0] if reasons else 'no cell is there'}")
