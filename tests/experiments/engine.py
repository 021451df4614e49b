"""A dask scheduler and workers as processes of their own, on loopback, for tests."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE), os.environ.get("PYTHONPATH", "")])}
LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


class Engine:
    """Started in a folder that is none of ours; `close` ends every process."""

    def __init__(self, folder: Path, workers: int = 2, **settings: str):
        self.folder, self.file = folder, folder / "scheduler.json"
        self.log, self.settings, self.processes = (folder / "log").open("w"), settings, []
        self.scheduler = self._dask("scheduler", *LOCAL, "--port", "0", "--idle-timeout", "600")
        self.workers = [self.worker() for _ in range(workers)]

    def worker(self, *words: str, threads: int = 1) -> subprocess.Popen:
        """One more worker; it may use two threads unless it is told otherwise."""
        alone = ("--no-nanny", "--memory-limit", "0", "--death-timeout", "60")
        return self._dask("worker", *LOCAL, *alone, "--local-directory", str(self.folder), "--nthreads", str(threads), *words)

    def _dask(self, *words: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self.file)]
        environment = {**ENVIRONMENT, "OMP_NUM_THREADS": "2", **self.settings}
        process = subprocess.Popen(command, env=environment, cwd=self.folder, stderr=self.log, start_new_session=True)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(30)


def until(true, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)
