"""The frozen tables of golden/ beside those that were made here: equal digits on such a machine, a tolerance elsewhere.

Where the instruction set or torch is another, sums are rounded in another order: trained weights differ in their last digits,
samples in their fifth. Measured between AVX-512 and AVX2 over all seven studies: at most 1.3 % of a row or 0.4 % of the largest
value of its metric; 1e-4 in cosines beside a vanishing gradient; no share by more than a sample. TOLERANCE is four times the
first, SCALE about the second; a share may differ by FEW samples. THRESHOLDED columns are checked on such a
machine only.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy  # noqa: F401 -- its OpenBLAS is what threadpoolctl finds
import torch
from threadpoolctl import threadpool_info

GOLDEN = Path(__file__).with_name("golden")
CLOCKED = {"seconds_per_sample", "peak_memory_mib"}
TOLERANCE, SCALE, COSINE, ABSOLUTE, FEW = 0.05, 0.005, 1e-3, 1e-6, 3
NUMBERS = ("value", "sd", "guide", "guide_sd", "evaluators", "evaluators_sd", "gap", "gap_sd")
NUMBERS += ("baseline", "largest", "detectable", "hidden")
THRESHOLDED = ("nearest w of the reference", "effective w", "alike", "different", "undecided", "better", "worse", "verdict")
KINDS = ("world", "metric", "quantity", "of", "field")  # rows that have these in common have a scale in common
SHARES = ("accuracy", "precision", "recall", "guide", "evaluators", "gap", "baseline")
SIZES = {"by_level": 10, "attack": 20, "networks": 500, "network_error": 2000}  # images behind a share, without a column n


def machine() -> dict[str, str]:
    """What decides digits: the instruction set and torch of networks, and the kernels that numpy's OpenBLAS has chosen for this
    processor, which differ between processors of one instruction set."""
    numpys = {found.get("architecture", "") for found in threadpool_info() if found["internal_api"] == "openblas"}
    kernels = ", ".join(sorted(numpys))
    return {"cpu_capability": torch.backends.cpu.get_cpu_capability(), "torch": torch.__version__, "openblas": kernels}


def same_machine() -> bool:
    return json.loads((GOLDEN / "machine.json").read_text()) == machine()


def differences(name: str, made: Path, exactly: bool) -> Iterator[str]:
    """What differs from the frozen tables of a study, row by row; nothing, if all is well."""
    files = sorted((GOLDEN / name).glob("*.csv"))
    assert files
    for file in files:
        frozen, found = (list(csv.reader(one.read_text().splitlines())) for one in (file, made / file.name))
        found = [row for row in found if not CLOCKED & set(row)]
        if len(frozen) != len(found) or frozen[0] != found[0]:
            yield f"{file.name}: {len(found)} rows of {found[0]}, not {len(frozen)} of {frozen[0]}"
            continue
        lines = zip(frozen, found) if exactly else ()
        yield from (f"{file.name}: {','.join(here)}, not {','.join(there)}" for there, here in lines if there != here)
        if not exactly:
            yield from _far(file.stem, *([dict(zip(rows[0], row)) for row in rows[1:]] for rows in (frozen, found)))


def _far(table: str, frozen: list[dict[str, str]], found: list[dict[str, str]]) -> Iterator[str]:
    scales: dict[tuple, float] = {}
    for row in frozen:
        for name in NUMBERS:
            if row.get(name):
                key = (name, *(row.get(kind) for kind in KINDS))
                scales[key] = max(scales.get(key, 0.0), abs(float(row[name])))
    for there, here in zip(frozen, found):
        if any(there[name] != here[name] for name in there if name not in (*NUMBERS, *THRESHOLDED)):
            yield f"{table}: {here}, not {there}"
        for name in NUMBERS:
            if not (there.get(name) and here.get(name)):
                wrong = there.get(name) != here.get(name)
            else:
                value = float(there[name])
                scale = scales[(name, *(there.get(kind) for kind in KINDS))]
                what = there.get("metric") or there.get("quantity") or name
                least = COSINE if what.endswith("cosine") else ABSOLUTE
                if any(share in what for share in SHARES):
                    least = FEW / float(there.get("n") or SIZES[table])
                wrong = not abs(float(here[name]) - value) <= TOLERANCE * abs(value) + SCALE * scale + least
            if wrong:
                yield f"{table}: {here}, not {there}"
