"""Images prepared once: decoded, cut to size, and kept as bytes in a folder of the cache that is written whole or not at all."""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from experiments.graph.files import put, read_object, write_json
from experiments.graph.locks import scratch
from experiments.problems import Problem
from experiments.progress import bar
from experiments.worlds.cache import alone, cache, cache_problems
from experiments.worlds.pixels import Pixels
from experiments.worlds.preprocessing import FORMATS, MODES, Unfit, prepare
from experiments.worlds.source import Item, Source

CHUNK = 256  # images in memory at a time
NAMED = 20  # of the images that were skipped, in the record
RECORD = "record.json"


class Rules(NamedTuple):
    """How images are made alike. convert: those of other channels are converted; skip: those that do not fit are left out and
    counted, instead of refused; lossless: JPEG does not fit.
    """

    size: int
    channels: int
    preprocessing: str
    convert: bool = False
    skip: bool = False
    lossless: bool = False

    @property
    def words(self) -> str:
        """In the name of a folder."""
        extra = "".join(f"-{name}" for name in ("convert", "skip", "lossless") if getattr(self, name))
        return f"{self.size}-{self.channels}-{self.preprocessing}{extra}"


class Prepared(NamedTuple):
    """A set in the cache: pixels and labels of every part, and the record of how they were made."""

    parts: dict[str, tuple[Pixels, np.ndarray]]
    record: dict[str, Any]


def content(source: Source) -> str:
    """The sha256 of all labels and images as they lie there, part by part, in order."""
    total = hashlib.sha256()
    for part, items in source.parts.items():
        for item in items():
            total.update(f"{part} {item.label} ".encode() + hashlib.sha256(encoded(item)).digest())
    return total.hexdigest()


def encoded(item: Item) -> bytes:
    """The bytes of an image; none of a missing one, which is part of what a set is."""
    if isinstance(item.held, Path):
        try:
            return item.held.read_bytes()
        except OSError:
            return b""
    return b"" if item.held is None else bytes(item.held) if isinstance(item.held, bytes) else item.held.tobytes()


def prepared(fingerprint: str, rules: Rules, source: Callable[[], Source]) -> Prepared:
    """The set of this content under these rules, from the cache, or made of the source and put there.

    Problem, naming the image, for one that does not fit, unless `rules.skip`; and for a source of another content.
    """
    place = cache() / "images" / f"{fingerprint[:16]}-{rules.words}"
    with cache_problems(place):
        if not (place / RECORD).is_file():
            with alone(place):
                if not (place / RECORD).is_file():
                    make(place, fingerprint, rules, source())
    return opened(place, rules)


def opened(place: Path, rules: Rules) -> Prepared:
    """What lies in a folder of the cache. Problem if its files are not those of its record."""
    record, parts = read_object(place / RECORD), {}
    for part, n in record["parts"].items():
        try:
            label = np.load(place / f"{part}.labels.npy", allow_pickle=False)
            parts[part] = (Pixels.of_file(place / f"{part}.pixels", (n, rules.channels, rules.size, rules.size)), label)
        except (OSError, ValueError) as error:
            raise Problem(f"{place} is damaged ({error}): remove it, and it is made again") from error
    return Prepared(parts, record)


def make(place: Path, fingerprint: str, rules: Rules, source: Source) -> None:
    """Writes the folder of a set beside its place, then renames it."""
    total, counted, skipped = hashlib.sha256(), Counter(), []
    record: dict[str, Any] = {"fingerprint": fingerprint, "rules": rules._asdict(), "classes": list(source.names)}
    with scratch(place.with_name(f".{place.name}.new")) as new:
        sizes, pixels = {}, {}
        for part, items in source.parts.items():
            labels, digest = [], hashlib.sha256()
            with (new / f"{part}.pixels").open("wb") as file:
                for item, raw, found in made(items(), rules, f"preparing {part} images"):
                    total.update(f"{part} {item.label} ".encode() + raw)
                    if isinstance(found, Unfit):
                        counted[found.reason] += 1
                        skipped += [f"{item.name} {found}"] if len(skipped) < NAMED else []
                        continue
                    counted["converted"] += found[1]
                    data = found[0].tobytes()
                    file.write(data)
                    digest.update(data)
                    labels.append(item.label)
                file.flush()
                os.fsync(file.fileno())
            if not labels:
                raise Problem(f"{part}: no image is left to take: {', '.join(f'{n} {word}' for word, n in counted.items())}")
            np.save(new / f"{part}.labels.npy", np.asarray(labels, dtype=np.int64))
            sizes[part], pixels[part] = len(labels), digest.hexdigest()
        if total.hexdigest() != fingerprint:
            raise Problem(
                f"these are other images (sha256 {total.hexdigest()[:12]}) than this world's ({fingerprint[:12]}): set "
                "fingerprint=null and classes=null for a world of them"
            )
        converted = counted.pop("converted", 0)
        counts = {"parts": sizes, "pixels_sha256": pixels, "converted": converted, "skipped": dict(counted), "named": skipped}
        write_json(new / RECORD, {**record, **counts, "pillow": PIL.__version__})
        put(new, place)


def made(items: Iterator[Item], rules: Rules, title: str) -> Iterator[tuple[Item, bytes, Any]]:
    """Every item, the sha256 of its bytes, and (pixels, whether converted) or why it is skipped; in order, a chunk at a time.

    Decoding lets go of Python's lock, so as many threads as there are cores do it. Problem for the first that may not be skipped.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar(title, None, "image") as progress:
        while chunk := list(islice(items, CHUNK)):
            for item, (raw, found) in zip(chunk, pool.map(partial(take, rules=rules), chunk)):
                if isinstance(found, Unfit) and not rules.skip:
                    raise Problem(f"{item.name} {found}" + ("" if ": " in str(found) else ": mend or remove it, or set skip"))
                yield item, raw, found
            progress.update(len(chunk))


def take(item: Item, rules: Rules) -> tuple[bytes, Any]:
    """The sha256 of one image's bytes, and its pixels (c, h, w) and whether they were converted, or Unfit."""
    raw = encoded(item)
    digest = hashlib.sha256(raw).digest()
    try:
        if not raw:
            raise Unfit("missing", "is missing or empty")
        image = Image.fromarray(item.held) if isinstance(item.held, np.ndarray) else decoded(raw, rules.lossless)
        pixels = prepare(image, rules.size, rules.channels, rules.preprocessing, rules.convert)
        return digest, (pixels, image.mode != MODES[rules.channels])
    except Unfit as unfit:
        return digest, unfit


def decoded(raw: bytes, lossless: bool) -> Image.Image:
    """An image of one of FORMATS, all of it read. Unfit for what is none, or is cut off, or far too large."""
    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
        if lossless and image.format == "JPEG":
            raise Unfit("JPEG", "is a JPEG, which is another data set than the original: it is cifar10-jpeg")
        image.load()
        return image
    except UnidentifiedImageError as error:
        raise Unfit("corrupt", f"is no image ({', '.join(FORMATS)})") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise Unfit("corrupt", f"is corrupt ({' '.join(str(error).split())[:100] or type(error).__name__})") from error
