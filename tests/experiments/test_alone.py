"""Workers that share a GPU draw one after another: `alone`, by a GPU's identity alone, since none is needed to see who waits."""

import fcntl
import tempfile
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import torch

from experiments.device import alone

WAIT = 0.2  # seconds that somebody is seen to wait
SOON = 10.0


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """What was done to GPUs that have an identity each; and where the locks lie."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done: list[bool] = []
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=f"gpu-{torch.device(device).index}")
    )
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: done.append(held(tmp_path)))
    return done


def held(place: Path) -> bool:
    """Whether somebody has the lock of the first GPU there."""
    (path,) = place.glob("guidance-bench-*gpu-0.lock")
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def other(device: str) -> Event:
    """What is set when another worker, with a file handle of its own, has come into its block."""
    inside = Event()

    def work() -> None:
        with alone(device):
            inside.set()

    Thread(target=work, daemon=True).start()
    return inside


def test_a_worker_waits_until_the_other_has_left_the_gpu(gpus):
    with alone("cuda:0"):
        second = other("cuda:0")
        assert not second.wait(WAIT)
    assert second.wait(SOON)


def test_workers_of_two_gpus_do_not_wait_for_each_other(gpus):
    with alone("cuda:0"):
        assert other("cuda:1").wait(SOON)


def test_memory_is_given_back_before_the_next_one_begins_and_after_an_error_too(gpus, tmp_path):
    with pytest.raises(ArithmeticError), alone("cuda:0"):
        assert not gpus
        raise ArithmeticError
    assert gpus == [True] and not held(tmp_path)


def test_on_a_cpu_nothing_is_waited_for_and_no_file_is_left(gpus, tmp_path):
    with alone("cpu"):
        assert other("cpu").wait(SOON)
    assert not gpus and not list(tmp_path.iterdir())
