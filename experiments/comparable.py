"""What two sets of images must share to be compared on features, and what moves the numbers where they do not."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from experiments.problems import Problem

LOSSY = ("JPEG", "WEBP", "GIF")  # formats that change pixels, WEBP mostly and GIF by its palette


def require_shape(name: str, images: Any, network: Any) -> None:
    """Problem for images of another shape than those that a network takes alone, where it says so (`shape`: h, w, c)."""
    if (shape := getattr(network, "shape", None)) and images.shape[1:] != shape:
        sizes = (" x ".join(map(str, one)) for one in (images.shape[1:], shape))
        raise Problem(f"{name} has images of {next(sizes)}, and {network.label} takes {next(sizes)} alone")


def require_protocol(text: str, rules: Any) -> None:
    """Problem for a run whose samples were drawn by another protocol than they are to be measured by."""
    from experiments.features.protocol import Protocol
    from experiments.graph.files import read_object

    path = Path(text)
    config = (path.parent if path.name == "samples.npz" else path) / "config.json"
    values = read_object(config).get("values", {}) if config.is_file() else {}
    for name in ("labels", "rounding"):
        drawn = values.get(name, getattr(Protocol(), name)) if "method" in values else getattr(rules, name)
        if drawn != (wanted := getattr(rules, name)):
            raise Problem(
                f"{text} was drawn with {name} {drawn}, and the protocol measures {name} {wanted}: one comparison has one "
                'protocol: choose the other by --protocol, or give one as {"labels": ..., "rounding": ...}'
            )


def unlike(names: Sequence[Any], given: Sequence[Any], sets: Sequence[Any]) -> Iterator[str]:
    """What moves a Frechet distance though it is no difference between two sets of images, one line for each."""
    from experiments.tasks.image_folder import ImageFolder, look_at

    formats = [look_at(one.path) if isinstance(one, ImageFolder) else None for one in given]
    for name, found in zip(names, formats):
        lossy = {kind: n for kind, n in found.formats.items() if kind in LOSSY} if found else {}
        if found and lossy and len(found.formats) > 1:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in found.formats.items())
            kind = next(iter(lossy))
            yield f"{name} holds {kinds} ({found.first[kind]}): {kind} loses detail, which moves the Frechet distance"
    kinds = [set(found.formats) if found else {"bytes"} for found in formats]
    one_lossy = [bool(kind & set(LOSSY)) for kind in kinds]
    if one_lossy[0] != one_lossy[1]:
        words = [" and ".join(sorted(kind)) for kind in kinds]
        yield f"{names[0]} is {words[0]} and {names[1]} {words[1]}: compression moves the Frechet distance: use one format"
    first, second = (images.shape[1:] for images, _ in sets)
    if first[:2] != second[:2]:
        sizes = [" x ".join(map(str, shape)) for shape in (first, second)]
        yield f"{names[0]} is {sizes[0]} and {names[1]} {sizes[1]}: resizing moves the Frechet distance: use one size"
    if first[2] != second[2]:
        kinds = ["grey" if shape[2] == 1 else "RGB" for shape in (first, second)]
        yield f"{names[0]} is {kinds[0]} and {names[1]} {kinds[1]}: colour moves the Frechet distance: make both grey or both RGB"
