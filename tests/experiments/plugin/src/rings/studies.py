"""Two studies of these worlds: one is a value, the other has two forms."""

from experiments.studies import TradeOff
from experiments.tasks.fit import Fit
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from rings.world import Ring, RingImages

RING = TradeOff(
    name="ring",
    world=Ring(),
    oracle=Exact(world=Ring()),
    methods=["halved", "classifier-free"],
    sweeps=[{"sampler": "straight", "steps": 4, "ws": [0, 1]}],
    metrics=["outside"],
    n=60,
    part=60,
)
FIT = Fit(steps=6, batch=16)
QUICK = TradeOff(
    name="ring-images",
    world=RingImages(),
    model=Train(world=RingImages(), network="pixelwise", objective="denoising", fit=FIT),
    classifier=Train(world=RingImages(), network="pixelwise", objective="noisy-cross-entropy", fit=FIT),
    evaluator=Train(world=RingImages(), network="means", objective="cross-entropy", fit=FIT, seed=900),
    methods=["halved"],
    metrics=[{"is": "outside", "radius": 5}],
    sweeps=[{"sampler": "straight", "steps": 3, "ws": [0, 1]}],
    n=40,
    part=20,
)
IMAGES = {"quick": QUICK, "full": QUICK}
