"""In the place of torch.cuda's graphs, as far as guidance.captured uses them: a trace, which keeps operations alone too."""

from contextlib import contextmanager

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx


class Stream:
    def wait_stream(self, other):
        pass


class Graph:
    """Keeps the trajectory that is captured, traces it, and replays the trace."""

    def replay(self):
        self.x.copy_(self.trace(*self.inputs))


@pytest.fixture
def traced_graphs(monkeypatch):
    """guidance.captured on the CPU."""
    from guidance.captured import Captured

    @contextmanager
    def nothing(*_):
        yield

    made = Captured.__init__

    def traced(self, trajectory, n, classes, device="cuda"):
        made(self, trajectory, n, classes, device)
        self.graph.trace = make_fx(trajectory)(self.label, self.indices)
        self.graph.inputs, self.graph.x = (self.label, self.indices), self.x

    monkeypatch.setattr(Captured, "__init__", traced)
    monkeypatch.setattr(Captured, "runs", 3)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "stream", nothing)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", nothing)
