"""What a task costs."""

from dataclasses import dataclass

RUN = 2**14  # bytes of a run's config, provenance and manifest, about


@dataclass(frozen=True)
class Price:
    """flops: counted. seconds: of one worker. memory: bytes at the peak, beside the libraries. disk: bytes that stay.

    bound: whether it may cost less (early stopping, a method whose cost depends on values). unpriced: what is not in it.
    """

    flops: float = 0.0
    seconds: float = 0.0
    memory: float = 0.0
    disk: float = RUN
    bound: bool = False
    unpriced: tuple[str, ...] = ()
