"""A package of another, really installed: its worlds, networks, methods, samplers and studies run like ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reduced import submission, written
from several import several

from experiments.benchmark.protocol import read_protocol
from experiments.benchmark.submission import write_submission
from experiments.problems import Problem
from experiments.registry import lookup
from guidance.registry import Registry

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that pip has installed the package rings into, from its pyproject.toml, without network."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(HERE / "plugin", tmp_path_factory.mktemp("source") / "plugin")
    words = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run([sys.executable, "-m", "pip", "install", *words, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def bench(folder: Path, *words: object, at: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "experiments", *map(str, words)],
        capture_output=True,
        text=True,
        env=beside(folder),
        cwd=at or folder,
    )


def beside(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}


def said(folder: Path, *words: object, at: Path | None = None) -> str:
    done = bench(folder, *words, at=at)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def all_said(folder: Path, *commands: tuple[object, ...]) -> list[str]:
    ended = several(commands, beside(folder), folder)
    assert not any(one.returncode for one in ended), ended
    return [one.stdout for one in ended]


def table(out: str) -> pd.DataFrame:
    (line,) = [line for line in out.splitlines() if line.startswith("table ")]
    return pd.read_csv(line.split()[-1])


@pytest.fixture(scope="module")
def ring(installed, tmp_path_factory):
    """What the study of the ring says, made by two processes, and what each other command says after it, all in one process."""
    runs = tmp_path_factory.mktemp("ring")
    made = said(installed, "study", "ring", "--workers", 2, "--runs", runs)
    commands = {
        "ls": ("ls", "--runs", runs),
        "explain": ("explain", "ring", "--runs", runs),
        "verify": ("verify", runs),
        "worlds": ("worlds",),
        "methods": ("methods",),
        "samplers": ("samplers",),
        "world": ("worlds", "ring"),
        "shown": ("study", "digits", "--set", "model.network=pixelwise", "--show-config"),
    }
    return {"study": made, **dict(zip(commands, all_said(installed, *commands.values()), strict=True))}


def test_their_study_of_their_world_runs_in_two_processes(ring):
    found = table(ring["study"])
    assert set(found["world"]) == {"ring"} and {"halved", "classifier-free"} <= set(found["method"])
    assert set(found["sampler"].dropna()) == {"straight"} and "kl_tilted" in set(found["metric"])
    half, whole = ((found["method"] == name) & (found["w"] == 0) for name in ("halved", "classifier-free"))
    assert set(found[half]["metric"]) == set(found[whole]["metric"])
    assert found.loc[found["metric"] == "outside", "value"].between(0, 1).all() and "outside" in set(found[half]["metric"])
    assert "halved w=1 straight T=4" in ring["ls"] and "report of ring" in ring["ls"]
    assert "0 missing" not in ring["explain"] and "runs are whole" in ring["verify"]


def test_their_network_is_trained_on_their_images_in_two_processes(installed, tmp_path):
    found = table(said(installed, "study", "ring-images", "--workers", 2, "--runs", tmp_path))
    assert set(found["world"]) == {"ring-images"} and "fid_ring-images" in set(found["metric"])
    assert set(found[found["metric"] == "outside"]["n"]) == {20, 40}
    assert len(list(tmp_path.glob("denoiser-*"))) == len(list(tmp_path.glob("classifier-*"))) == 1
    manifest = json.loads((next(tmp_path.glob("denoiser-*")) / "manifest.json").read_text())
    assert {"rings.world", "rings.network", "experiments.objectives.denoising"} <= set(manifest["code"])
    (samples, *_) = tmp_path.glob("sample-*")
    assert {"rings.guiding", "rings.network"} <= set(json.loads((samples / "manifest.json").read_text())["code"])


def test_all_of_it_is_listed(ring):
    assert "ring " in ring["worlds"] and "Gaussians on a ring, one a class." in ring["worlds"]
    assert "stripe across or down" in ring["worlds"]
    assert "halved" in ring["methods"] and "straight" in ring["samplers"] and "a ring" in ring["world"]
    assert '"is": "pixelwise"' in ring["shown"]


def test_images_are_measured_on_their_feature_network(installed, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "made.npz", arr_0=images)
    words = ("evaluate", tmp_path / "made.npz", "--reference", "digits", "--features", "quarters", "--runs", tmp_path / "runs")
    out = said(installed, *words)
    assert {line.split()[0] for line in out.splitlines()} >= {f"{name}_quarters" for name in ("fid", "kid", "precision")}
    manifests = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("features-*/manifest.json")]
    assert len(manifests) == 2 and all("rings.features" in manifest["code"] for manifest in manifests)


def test_their_method_goes_from_pip_install_to_its_row_in_two_commands(installed, tmp_path):
    """Of a reduced protocol, which has a name and a hash of its own; classifier-free guidance stands there already."""
    protocol = ("--protocol", written(tmp_path, worlds=["gaussians"]))
    reference = submission("classifier-free", tmp_path / "small.json", tmp_path / "ours", (0.5,))
    write_submission(reference, tmp_path / "results" / "reference.json")
    # the two: run and pack, then rank
    out = said(
        installed, "benchmark", "rings.guiding:Halved", "--ws", "1", *protocol, "--by", "the rings", "--workers", 1, at=tmp_path
    )
    assert "submission small-v1-halved.json" in out
    words = ("--with", "small-v1-halved.json", "--results", "results", *protocol)
    assert "2 methods" in said(installed, "leaderboard", *words, at=tmp_path)
    page = (tmp_path / "leaderboard.md").read_text()
    (row,) = [line for line in page.split("### ")[1].splitlines() if "| halved |" in line]
    hash_ = read_protocol(str(tmp_path / "small.json")).sha256
    assert "the rings" in row and "rings 1.0" in row and f"small v1 {hash_[:8]}" in row and hash_ in page
    packed = json.loads((tmp_path / "small-v1-halved.json").read_text())
    assert packed["method"]["where"] == "rings.guiding:Halved" and "rings.guiding" in packed["code"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])  # two: its fast twin is the study above
def test_a_study_and_a_world_by_their_place_in_a_module(tmp_path, workers):
    """Beside the user, and not installed at all."""
    shutil.copytree(HERE / "plugin" / "src" / "rings", tmp_path / "rings")
    text = (tmp_path / "rings" / "studies.py").read_text().partition("FIT =")[0]
    text = text.replace('"halved"', '"rings.guiding:Halved"').replace('"straight"', '"rings.guiding:Straight"')
    text = text.replace('"outside"', '"rings.metric:Outside"')
    (tmp_path / "rings" / "studies.py").write_text(text)
    study = ("study", "rings.studies:RING", "--workers", workers, "--set", "n=40", "--set", "part=40")
    words = ["world=rings.world:Ring", 'oracle={"is": "exact", "world": "rings.world:Ring"}']
    show = ("study", "gaussians", *(word for one in words for word in ("--set", one)), "--show-config")
    refused = [
        (("study", "rings.studies:NOTHING"), "rings.studies:NOTHING cannot be loaded"),
        (("study", "nowhere.studies:RING"), "nowhere.studies:RING cannot be loaded"),
        (("study", "rings.world:Ring"), "is no study"),
        (("study", "gaussians", "--set", "world=rings.world:Rong"), "rings.world:Rong cannot be loaded"),
    ]
    commands = [show, *(words for words, _ in refused)]
    if workers == 1:
        made, shown, *ended = several([study, *commands], beside(ROOT), tmp_path)
    else:  # a process that has workers has to be a command
        made, (shown, *ended) = bench(ROOT, *study, at=tmp_path), several(commands, beside(ROOT), tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert set(table_at(made.stdout, tmp_path)["world"]) == {"ring"}
    assert json.loads(shown.stdout)["world"] == {"is": "ring", "classes": 5, "std": 0.2}
    for done, (_, what) in zip(ended, refused, strict=True):
        assert done.returncode == 2 and what in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def table_at(out: str, folder: Path) -> pd.DataFrame:
    (line,) = [line for line in out.splitlines() if line.startswith("table ")]
    return pd.read_csv(folder / line.split()[-1])


def test_entry_points_that_cannot_be_are_named_and_the_others_work(installed, tmp_path):
    """Two of one name, one of our names, modules that fail in several ways, a class that is no world, another name inside."""
    (tmp_path / "bad.py").write_text("raise RuntimeError('the sea is rough')\n")
    (tmp_path / "quits.py").write_text("import sys\nsys.exit(7)\n")
    (tmp_path / "plain.py").write_text("class Plain:\n    name = 'plain'\n")
    for package, entries in {
        "one": ["twice = rings.world:Ring", "digits = rings.world:Ring"],
        "two": ["twice = rings.world:Ring", "bad = bad:World", "quits = quits:World", "gone = rings.world:Gone"],
        "three": ["plain = plain:Plain", "other-name = rings.world:Ring"],
    }.items():
        (information := tmp_path / f"{package}-1.0.dist-info").mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text("[guidance_bench.worlds]\n" + "\n".join(entries) + "\n")
    shows = [("study", "gaussians", "--set", f"world={name}", "--show-config") for name in ("twice", "bad")]
    done, *refused = several([("worlds",), *shows], beside(Path(f"{tmp_path}:{installed}")), tmp_path)
    assert done.returncode == 0 and "gaussians" in done.stdout and "Gaussians on a ring" in done.stdout
    broken = [line for line in done.stdout.splitlines() if line.startswith("not loaded")]
    assert len(broken) == 7
    for words in (
        "'twice' 2 times, from rings.world:Ring and rings.world:Ring: uninstall one",
        "'digits' 2 times, from this package and rings.world:Ring",
        "bad = bad:World of guidance_bench.worlds cannot be loaded (RuntimeError: the sea is rough)",
        "quits = quits:World of guidance_bench.worlds cannot be loaded (SystemExit: 7)",
        "gone = rings.world:Gone of guidance_bench.worlds cannot be loaded (AttributeError",
        "plain = plain:Plain of guidance_bench.worlds is no world",
        "other-name = rings.world:Ring of guidance_bench.worlds is a class of another name, 'ring'",
    ):
        assert any(words in line for line in broken), words
    for done, name in zip(refused, ("twice", "bad"), strict=True):
        assert done.returncode == 2 and name in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_registry_takes_no_entry_by_hand():
    with pytest.raises(TypeError):
        Registry("worlds", {})["mine"] = object()
    with pytest.raises(Problem, match="did you mean 'gaussians'.*package.module:Name"):
        lookup("worlds", "gausians")
