"""A study that is measured on pretrained features too, under a protocol, and the command that evaluates any images."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small import here
from tiny import make_here, results_of, tiny_study

from experiments.features.inception import Inception
from experiments.features.protocol import PROTOCOLS
from experiments.features.timm import Timm
from experiments.graph.files import sha256
from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.problems import Problem
from experiments.studies.decode import read_study
from experiments.studies.tradeoff import TradeOff
from experiments.tasks import baselines
from experiments.tasks.feature_measure import FeatureMeasure
from experiments.tasks.features import Features
from experiments.tasks.images import labels_of
from experiments.tasks.npz import Npz, write_npz
from experiments.tasks.reference import Reference
from experiments.tasks.sample import Sample
from experiments.tasks.training_set import TrainingSet
from experiments.worlds.digits import Digits

NETWORK = Timm(arch="test_resnet", random=True, size=32)
TIMM = {"is": "timm", "arch": "test_resnet", "random": True, "size": 32}
LABEL = NETWORK.label
TEST, REAL = (Features(samples=kind(world=Digits()), network=NETWORK) for kind in (baselines.TestSet, TrainingSet))
SETTINGS = {"features": [TIMM], "sweeps": [{"sampler": "ddim", "steps": 3, "ws": [0, 1]}], "model.fit.steps": 10}
pytestmark = pytest.mark.usefixtures("undrawn", "few_tested")


def test_a_study_without_features_is_what_it_was():
    plain = tiny_study("digits")
    assert "features" not in encode(plain, whole=False) and "protocol" not in encode(plain, whole=False)
    tasks = [placed.task for placed in plain.cells()]
    assert not [task for task in tasks if isinstance(task, FeatureMeasure)]
    named = encode(
        next(task.samples for task in tasks if isinstance(getattr(task, "samples", None), Sample)), whole=False, expand=True
    )
    assert "labels" not in named and "rounding" not in named


@pytest.mark.slow
def test_a_study_is_measured_on_features_too_and_read_again(tmp_path):
    study = tiny_study("digits", SETTINGS)
    folder = make_here(study, tmp_path)
    results = results_of(study, tmp_path)
    table = results.table
    for name in ("fid", "is", "precision", "recall", "diversity"):
        rows, ours = (table[table["metric"] == f"{name}_{suffix}"] for suffix in (LABEL, "digits"))
        keys = ["method", "w", "seed", "n"]
        assert len(rows) == len(ours) > 8 and rows[keys].fillna(-1).values.tolist() == ours[keys].fillna(-1).values.tolist()
    assert len(list(tmp_path.glob("reference-*"))) == 1 and table.duplicated(["method", "w", "seed", "n", "metric"]).sum() == 0
    assert len(list(tmp_path.glob("features-*"))) == len(list(tmp_path.glob("sample-*"))) + 2
    assert f"features {LABEL}" in results.worlds["digits"].card
    page = (folder / "report.html").read_text()
    assert f"fid_{LABEL}" in page and f"features {LABEL}" in page and "Left out: FID against" not in page
    assert read_study(folder) == study


@pytest.mark.slow  # its fast twin is the study above
def test_adm_is_in_the_names_of_cells_and_numbers(tmp_path):
    study = tiny_study("digits", {**SETTINGS, "protocol": "adm"})
    folder = make_here(study, tmp_path)
    table = results_of(study, tmp_path).table
    methods = set(table["method"]) - {"real"}
    assert methods == {"classifier (random labels)", "classifier-free (random labels)"}
    assert f"fid_{LABEL}-adm" in set(table["metric"]) and f"fid_{LABEL}" not in set(table["metric"])
    assert read_study(folder) == study and read_study(folder).protocol == PROTOCOLS["adm"]
    store = Store(tmp_path)
    sample = next(placed.task.samples for placed in study.cells() if isinstance(getattr(placed.task, "samples", None), Sample))
    assert sample.title.endswith(", random labels")
    assert sample.images(store)[1].tolist() == labels_of("random", 10, 0, range(40)).tolist()
    ours = replace(sample, labels="balanced", rounding="nearest")
    assert len({sample.address, ours.address, replace(ours, labels="random").address}) == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": [TIMM, {**TIMM, "interpolation": "bicubic"}]}, "twice"),
        ({"features": ["inceptoin"]}, "did you mean 'inception'"),
        ({"protocol": "amd"}, "there is no protocol 'amd'"),
        ({"references": {"inception": {"is": "reference"}}}, "reference"),
        ({"references": {"inception": {"is": "other"}}}, "say which reference"),
    ],
)
def test_a_wrong_setting_is_one_line(settings, said):
    with pytest.raises(Problem, match=said):
        tiny_study("digits", settings)


def test_features_need_images_and_references_a_network():
    with pytest.raises(Problem, match="samples of gaussians are points"):
        tiny_study("gaussians", {"features": [TIMM]})
    with pytest.raises(Problem, match="has an exact oracle"):
        tiny_study("digits-exact", {"features": [TIMM]})
    with pytest.raises(ValueError, match="'test-resnet-random-32' is the label of none"):
        replace(tiny_study("digits"), references={LABEL: Reference(features=REAL)})


def test_a_reference_of_ones_own_is_taken_and_read_again():
    own = Reference(features=replace(REAL, samples=TrainingSet(world=Digits(), n=300)))
    study = replace(tiny_study("digits", SETTINGS), references={LABEL: own})
    used = {placed.task.reference for placed in study.cells() if isinstance(placed.task, FeatureMeasure)}
    assert used == {own}
    fields = {key: held for key, held in encode(study, expand=True).items() if key != "is"}
    assert TradeOff(**fields) == study


def test_evaluate_refuses_in_one_line_before_any_work(tmp_path, capsys):
    def file(name: str, n: int, **more) -> str:
        np.savez(tmp_path / name, arr_0=np.zeros((n, 8, 8, 1), np.uint8), **more)
        return str(tmp_path / name)

    good, few, none = file("good.npz", 6), file("few.npz", 3), file("none.npz", 0)
    taken = file("taken.npz", 6)
    (tmp_path / "plain").write_text("")
    for samples, reference, more, said in (
        (few, good, (), "few.npz has 3 images: precision and recall need 4 at least"),
        (none, good, (), "none.npz has 0 images"),
        (good, few, (), "few.npz has 3 images"),
        (good, good, ("--out", taken), "taken.npz exists: give another name, or --force to replace it"),
        (good, good, ("--out", str(tmp_path)), "give the name of an .npz"),
        (good, good, ("--out", str(tmp_path / "a.txt")), "give the name of an .npz"),
        (good, good, ("--out", str(tmp_path / "plain" / "a.npz")), "plain is no folder"),
    ):
        words = ["evaluate", samples, "--reference", reference, "--features", json.dumps(TIMM), "--device", "cpu"]
        done = here([*words, "--runs", str(tmp_path / "runs"), *more], capsys)
        assert (done.returncode, done.stdout) == (2, "") and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "runs").exists()


def test_evaluate_reads_and_writes_npz(tmp_path, capsys):
    x = np.random.default_rng(0).integers(0, 256, (2, 60, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "made.npz", arr_0=x[0])
    write_npz(tmp_path / "real.npz", x[1], np.arange(60) % 10)

    words = [
        "evaluate",
        str(tmp_path / "made.npz"),
        "--features",
        json.dumps(TIMM),
        "--runs",
        str(tmp_path / "runs"),
        "--device",
        "cpu",
    ]
    out = tmp_path / "out.npz"
    done = here([*words, "--reference", str(tmp_path / "real.npz"), "--protocol", "adm", "--out", str(out)], capsys)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {f"{name}_{LABEL}-adm" for name in ("fid", "is", "precision", "recall")} <= set(lines)
    assert "diversity" not in done.stdout and "n = 60" in lines[f"fid_{LABEL}-adm"]
    with np.load(out) as found:
        assert np.array_equal(found["arr_0"], x[0]) and found["sigma"].shape == (found["mu"].shape * 2)
    against = here([*words, "--reference", "digits"], capsys)
    assert against.returncode == 0 and f"fid_{LABEL} " in against.stdout
    before = sha256(tmp_path / "made.npz")
    for taken, said in [("made.npz", "exists"), ("runs", "give the name of an .npz"), ("x.npy", "give the name of an .npz")]:
        done = here([*words, "--reference", "digits", "--out", str(tmp_path / taken)], capsys)
        assert done.returncode == 2 and said in done.stderr and not done.stdout
    assert sha256(tmp_path / "made.npz") == before, "what is measured is not written over"
    assert here([*words, "--reference", "digits", "--out", str(out), "--force"], capsys).returncode == 0
    for wrong, said in [
        (["--reference", "nowhere.npz"], "no file nowhere.npz"),
        (["--reference", "gaussians"], "no training images"),
        (["--reference", "digits", "--protocol", "ddm"], "no protocol 'ddm'"),
    ]:
        done = here([*words, *wrong], capsys)
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_the_mu_of_another_network_is_not_taken_for_inceptions(tmp_path):
    from experiments.evaluate import statistics

    images = np.zeros((4, 8, 8, 3), np.uint8)
    for more, taken in ({}, True), ({"mu_of": np.array("resnet50-ab-224")}, False), ({"mu_of": np.array("inception")}, True):
        file = tmp_path / "r.npz"
        write_npz(file, images, mu=np.zeros(3), sigma=np.eye(3), **more)
        found = statistics(Npz(file=str(file), sha256=sha256(file)), Inception())
        assert (found is not None) == taken
        assert statistics(Npz(file=str(file), sha256=sha256(file)), NETWORK) is None
    for mu in ([0, np.nan, 0], ["a", "b", "c"]):
        write_npz(file, images, mu=np.array(mu), sigma=np.eye(3))
        with pytest.raises(Problem, match=r"r\.npz: mu and sigma hold text, NaN or infinity"):
            statistics(Npz(file=str(file), sha256=sha256(file)), Inception())
