"""One thread and no progress bars: two threads on a busy machine can be tens of times slower than one."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import pytest
import sparing
import torch
from graphs import traced_graphs

__all__ = ["traced_graphs"]  # a fixture


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
