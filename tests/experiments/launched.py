"""Two gloo processes on loopback, as torchrun would start them, for the tests of launches."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent


def start(words: Sequence[object], n: int = 2, names: str = "torchrun") -> list[subprocess.Popen]:
    """`python *words` n times; names: whose variables tell them of each other, torchrun's or srun's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([f"{HERE.parents[1]}", f"{HERE}", *filter(None, [os.environ.get("PYTHONPATH")])])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": path}
    own = {"torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK"), "srun": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")}
    return [
        subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **common, **dict(zip(own[names], map(str, (rank, n, rank))))},
        )
        for rank in range(n)
    ]


def together(words: Sequence[object], n: int = 2, names: str = "torchrun") -> list[subprocess.CompletedProcess]:
    """What became of n processes, by rank; none is left behind."""
    processes = start(words, n, names)
    try:
        outputs = [one.communicate(timeout=200) for one in processes]
    finally:
        for one in processes:
            one.kill()
    return [subprocess.CompletedProcess(one.args, one.returncode, *output) for one, output in zip(processes, outputs)]


def command(words: Sequence[str], n: int = 2, names: str = "torchrun") -> list[subprocess.CompletedProcess]:
    """The command line n times."""
    return together(["-m", "experiments", *words], n, names)
