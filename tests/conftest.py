"""One thread and no progress bars: two threads on a busy machine can be tens of times slower than one."""

import gc
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import pytest
import sparing
import torch
from graphs import traced_graphs

__all__ = ["traced_graphs"]  # a fixture
os.fsync = lambda handle: None  # what a test writes need not outlive a power cut, and waiting for the disk is a tenth of a study


def pytest_collection_finish():
    """What was imported stays until the end: the collector of garbage need not look at it again, a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def undrawn():
    with sparing.undrawn():
        yield


@pytest.fixture
def few_tested():
    with sparing.few_tested():
        yield
