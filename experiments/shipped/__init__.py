"""What ships with the package: trained networks in float16, each with its training in its header, and features of real images.

    fashion/   model, weak, classifier, evaluator, judge, and real and judge_real (the features that evaluator and judge have of
               Fashion-MNIST): of training seed 0 of `guidance-bench study fashion --full`; made by
               `python -m experiments.shipped.make`

A path that begins with "shipped:" leads here, wherever the package is installed. hashes.json has the sha256 of every file.
"""

import json
from pathlib import Path

PREFIX = "shipped:"
FOLDER = Path(__file__).parent


def located(file: str) -> Path:
    """The place of a file that may be one of these."""
    return FOLDER / file.removeprefix(PREFIX) if file.startswith(PREFIX) else Path(file)


def shipped(world: str) -> dict[str, tuple[str, str]]:
    """("shipped:<place>", sha256) of each file of a world by its stem; none of a world that nothing is shipped of."""
    listed = FOLDER / world / "hashes.json"
    if not listed.is_file():
        return {}
    return {Path(name).stem: (f"{PREFIX}{world}/{name}", digest) for name, digest in json.loads(listed.read_text()).items()}
