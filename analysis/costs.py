"""What a sample costs, in words: the columns that a table of costs has."""

from analysis.metrics import metric

MEMORY, ALLOCATED = "peak resident memory of the process (MiB)", "peak allocated memory (MiB)"
CALLS = (
    "nfe_denoiser_forward",
    "nfe_denoiser_backward",
    "nfe_classifier_forward",
    "nfe_classifier_backward",
    "nfe_weak_forward",
)
COSTS = {name: metric(name).title for name in CALLS}
COSTS |= {"seconds_per_sample": "milliseconds per sample", "peak_memory_mib": MEMORY}  # what a table of costs has for columns
