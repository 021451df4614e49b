"""Under a real SLURM of one node, begun for the test and ended with it: a study's cells on workers that sbatch and srun start."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from engine import ENVIRONMENT, LOCAL, until
from tiny import GAUSSIANS, sets

from analysis.table import read_table
from experiments.studies.publish import compare

pytest.importorskip("distributed", reason="dask is not installed: pip install 'guidance-bench[cluster]'")
DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "sinfo", "squeue", "scancel", "pgrep")
PATH = f"{os.environ['PATH']}:/usr/sbin"
LACKING = [name for name in DAEMONS if shutil.which(name, path=PATH) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(LACKING), reason=f"SLURM is not installed ({', '.join(LACKING)}): apt-get install slurm-wlm munge"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the daemons of SLURM are started by root"),
]
CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
JOB = """#!/bin/bash
#SBATCH --ntasks=2 --cpus-per-task=1 --output={folder}/job.log
cd {folder}
export {environment}
file=$PWD/scheduler-$SLURM_JOB_ID.json
{python} -m dask scheduler --scheduler-file $file --port 0 {local} &
srun --kill-on-bad-exit=0 {python} -m dask worker --scheduler-file $file --nthreads 1 --memory-limit 0 --no-nanny {local} &
{python} -m experiments {study} --cluster $file --runs there
echo ended with $?
kill %1
"""  # as in docs/cluster.md


def ports(count: int) -> list[int]:
    """Free ones."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return found


@pytest.fixture
def slurm():
    """The folder of a SLURM that runs; every process that was started is ended, whatever happens."""
    folder, started = Path(tempfile.mkdtemp(prefix="slurm-")), []
    folder.chmod(0o711)  # munged asks for it

    def start(*words: object) -> subprocess.Popen:
        log = (folder / f"{Path(str(words[0])).name}.out").open("a")
        environment = {**ENVIRONMENT, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}
        started.append(subprocess.Popen([*map(str, words)], stdout=log, stderr=log, env=environment, start_new_session=True))
        return started[-1]

    try:
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir()
        (folder / "munge").chmod(0o711)
        (key := folder / "munge" / "key").write_bytes(os.urandom(128))
        key.chmod(0o600)
        own = {"socket": "socket", "key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}
        start("munged", "--foreground", *(f"--{option}={folder / 'munge' / name}" for option, name in own.items()))
        host = socket.gethostname().partition(".")[0]
        (folder / "slurm.conf").write_text(CONF.format(host=host, folder=folder, ports=ports(2)))
        until(lambda: (folder / "munge" / "socket").exists())
        start("slurmctld", "-D", "-f", folder / "slurm.conf")
        start("slurmd", "-D", "-f", folder / "slurm.conf")
        until(lambda: "idle" in said(folder, "sinfo", "--noheader", "--format=%t"))
        yield folder
    finally:
        said(folder, "scancel", "--user=root")
        with suppress(AssertionError):
            until(lambda: not said(folder, "squeue", "--noheader"), 40)
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)
        for pid in said(folder, "pgrep", "-f", folder).split():  # of a job that did not end: nothing else bears this name
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        shutil.rmtree(folder)


def said(folder: Path, *words: object) -> str:
    """What a command of SLURM prints."""
    environment = {**ENVIRONMENT, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}
    return subprocess.run([*map(str, words)], capture_output=True, text=True, env=environment, timeout=60).stdout


def test_a_study_on_workers_of_srun_is_that_of_one_process_though_one_is_killed(slurm):
    folder = slurm
    study = ["study", "gaussians", *(word for one in sets(GAUSSIANS) for word in ("--set", one))]
    words = {"python": sys.executable, "study": shlex.join(study), "local": " ".join(LOCAL), "folder": folder}
    words["environment"] = f"PYTHONPATH={ENVIRONMENT['PYTHONPATH']} OMP_NUM_THREADS=2"
    (folder / "job.sh").write_text(JOB.format(**words))
    assert "Submitted batch job" in said(folder, "sbatch", folder / "job.sh")
    until(lambda: len(list((folder / "there").glob("sample-*"))) > 1, 240)
    workers = said(folder, "pgrep", "-f", f"dask worker --scheduler-file {folder}").split()
    victim = next(int(pid) for pid in workers if b"srun" not in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    until(lambda: not said(folder, "squeue", "--noheader"), 300)
    log = (folder / "job.log").read_text()
    print(log)
    assert "ended with 0" in log and f"on the workers of {folder}" in log and "Killed" in log
    command = [sys.executable, "-m", "experiments", *study, "--workers", "1", "--runs", "here"]
    subprocess.run(command, env=ENVIRONMENT, cwd=folder, check=True, capture_output=True)
    tables = [read_table(next((folder / name).glob("gaussians-*/table.csv"))) for name in ("here", "there")]
    assert len(tables[0]) > 50 and not list(compare(*tables, 0.0))
    made = [{path.parent.name for path in (folder / name).glob("*/manifest.json")} for name in ("here", "there")]
    assert made[0] == made[1] and not list((folder / "there" / ".scratch").iterdir())
