"""Features kept as runs, references made once, protocols, and npz in and out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from analysis.measures.fidelity import frechet_distance, inception_score, precision_recall
from analysis.measures.some_rows import some_rows
from analysis.metrics import metric
from experiments.features.inception import Inception
from experiments.features.protocol import PROTOCOLS, Protocol
from experiments.features.timm import Timm
from experiments.graph.files import read_json, sha256
from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.problems import Failed, Problem
from experiments.tasks import baselines
from experiments.tasks.feature_measure import FeatureMeasure
from experiments.tasks.features import Features
from experiments.tasks.images import labels_of, to_uint8
from experiments.tasks.npz import Npz, read_npz, write_npz
from experiments.tasks.reference import Reference, Statistics, StoredReference
from experiments.tasks.training_set import TrainingSet
from experiments.worlds.digits import Digits
from experiments.worlds.world import data

NETWORK = Timm(arch="test_resnet", random=True, size=32)
TIMM = {"is": "timm", "arch": "test_resnet", "random": True, "size": 32}
LABEL = NETWORK.label
TEST, REAL = (Features(samples=kind(world=Digits()), network=NETWORK) for kind in (baselines.TestSet, TrainingSet))


def made(task, store: Store):
    for one in everything([task]):
        store.make(one, "cpu")
    return task


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("runs"))
    made(TEST, store)
    made(REAL, store)
    return store


def test_measures_of_kept_features_are_those_of_the_functions(store):
    task = FeatureMeasure(features=TEST, reference=Reference(features=REAL), sizes=(500, 250))
    rows = {(row["n"], row["metric"]): row["value"] for row in made(task, store).rows(store)}
    own, real = TEST.arrays(store), REAL.arrays(store)
    features, reference = own["features"], real["features"]
    assert own["label"].tolist() == data(Digits()).test.label.tolist() and features.dtype == np.float32
    assert rows[500, f"fid_{LABEL}"] == pytest.approx(frechet_distance(features, reference), rel=1e-5)
    assert rows[500, f"is_{LABEL}"] == pytest.approx(inception_score(own["logits"]), rel=1e-12)
    expected = precision_recall(generated=features, reference=reference)
    assert (rows[500, f"precision_{LABEL}"], rows[500, f"recall_{LABEL}"]) == expected and 0.5 < expected[0] < 1
    halves = [frechet_distance(half, reference) for half in (features[:250], features[250:])]
    assert rows[250, f"fid_{LABEL}"] == pytest.approx(np.mean(halves), rel=1e-5)
    assert read_json(store.open(TEST) / "card.json")["label"] == LABEL


def test_classes_of_the_reference_and_of_the_network_add_their_measures(store, monkeypatch):
    """A network that classifies the classes of the samples' world says so by `classifies`."""
    reference = Reference(features=REAL, k=2, neighbours=600)
    task = FeatureMeasure(features=TEST, reference=reference, sizes=(500,), protocol=Protocol(k=2, neighbours=600))
    plain = {metric(row["metric"]).name for row in made(task, store).rows(store)}
    held = reference.load(store)
    chosen, everything_ = some_rows(1297, 600), REAL.arrays(store)
    assert held.label.tolist() == data(Digits()).train.label.numpy()[chosen].tolist()
    assert np.array_equal(held.neighbours, everything_["features"][chosen])
    assert {"kid", "mind", "vendi_class", "fid_class", "clipped_coverage", "copies"} <= plain and "accuracy_by" not in plain
    own = FeatureMeasure(features=TEST, reference=reference, sizes=(250,), protocol=Protocol(k=2, neighbours=600))
    assert not own.own
    monkeypatch.setattr(Timm, "classifies", "digits", raising=False)
    assert own.own
    found = {row["metric"] for row in made(own, store).rows(store)}
    assert {f"{name}_{LABEL}-k2-neighbours600" for name in ("accuracy_by", "nll_by", "calibration_error_by")} <= found


def test_a_set_is_extracted_once_whatever_is_measured(store, monkeypatch):
    monkeypatch.setattr("experiments.tasks.features.extract", lambda *args: pytest.fail("extracted again"))
    few = Reference(features=REAL, k=2, neighbours=100)
    task = FeatureMeasure(features=TEST, reference=few, sizes=(500,), protocol=Protocol(k=2, neighbours=100))
    rows = {row["metric"]: row["value"] for row in made(task, store).rows(store)}
    chosen = REAL.arrays(store)["features"][some_rows(1297, 100)]
    expected = precision_recall(generated=TEST.arrays(store)["features"], reference=chosen, k=2)
    suffix = f"{LABEL}-k2-neighbours100"
    assert (rows[f"precision_{suffix}"], rows[f"recall_{suffix}"]) == expected


def test_half_precision_is_half_the_file_and_an_overflow_is_refused(store):
    half = made(replace(TEST, dtype="float16"), store)
    assert half.address != TEST.address
    sizes = [(store.path(task) / "features.safetensors").stat().st_size for task in (half, TEST)]
    assert sizes[0] < 0.6 * sizes[1]
    assert np.allclose(half.arrays(store)["features"], TEST.arrays(store)["features"], rtol=1e-3, atol=1e-3)


def test_features_of_points_and_an_overflow_fail_in_one_line(tmp_path, monkeypatch):
    write_npz(tmp_path / "x.npz", np.zeros((4, 8, 8, 3), np.uint8))
    samples = Npz(file=str(tmp_path / "x.npz"), sha256=sha256(tmp_path / "x.npz"))
    huge = (np.full((4, 2), 1e6, np.float32), None)
    monkeypatch.setattr("experiments.tasks.features.extract", lambda *args: huge)
    with pytest.raises(Failed, match="float16 overflows"):
        Store(tmp_path / "runs").make(Features(samples=samples, network=NETWORK, dtype="float16"), "cpu")
    monkeypatch.setattr(Npz, "images", lambda self, store: (np.zeros((4, 2), np.float32), None))
    with pytest.raises(Failed, match="images of 1 or 3 channels"):
        Store(tmp_path / "runs").make(Features(samples=samples, network=NETWORK), "cpu")
    with pytest.raises(ValueError, match="has no images"):
        Features(samples=3, network=NETWORK)


def test_a_shipped_reference_is_that_of_the_run_and_another_file_is_refused(store, tmp_path):
    reference = made(Reference(features=REAL), store)
    source = store.open(reference) / "reference.safetensors"
    arrays = {name: held for name, held in load_file(source).items() if name != "radii"}
    file = tmp_path / "shipped.safetensors"
    save_file(arrays | {"neighbours": arrays["neighbours"].astype(np.float16)}, file)
    stored = StoredReference(file=str(file), sha256=sha256(file), network=NETWORK)
    by_run, by_file = (
        {
            row["metric"]: row["value"]
            for row in made(FeatureMeasure(features=TEST, reference=one, sizes=(500,)), store).rows(store)
        }
        for one in (reference, stored)
    )
    assert by_run[f"fid_{LABEL}"] == by_file[f"fid_{LABEL}"]
    assert by_file == pytest.approx(by_run, abs=0.02)
    with pytest.raises(ValueError, match="its features are of test-resnet-random-16"):
        FeatureMeasure(features=TEST, reference=replace(stored, network=replace(NETWORK, size=16)), sizes=(500,))
    with pytest.raises(ValueError, match="balls are of k = 3, and the protocol's of 2"):
        FeatureMeasure(features=TEST, reference=stored, sizes=(500,), protocol=Protocol(k=2))
    save_file(arrays, file)
    with pytest.raises(Problem, match="another file"):
        stored.load(store)


def test_mu_and_sigma_are_taken_of_inception_alone(store, tmp_path):
    file = tmp_path / "stats.npz"
    np.savez(file, mu=np.zeros(3), sigma=np.eye(3))
    statistics = Statistics(file=str(file), sha256=sha256(file))
    with pytest.raises(Problem, match="mu and sigma are of Inception, and cannot be compared with test-resnet"):
        store.make(Reference(features=REAL, statistics=statistics), "cpu")
    own = Features(samples=baselines.TestSet(world=Digits()), network=Inception())
    rows = {"features": np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Features, "arrays", lambda self, store: rows)
        Reference(features=own, statistics=statistics).run(tmp_path, store, "cpu")
    found = load_file(tmp_path / "reference.safetensors")
    assert np.array_equal(found["cov"], np.eye(3)) and found["neighbours"].shape == (20, 3)


def test_npz_go_out_and_come_in_as_guided_diffusion_has_them(tmp_path, store):
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
    write_npz(tmp_path / "a.npz", images, np.arange(6), mu=np.zeros(2))
    with np.load(tmp_path / "a.npz") as found:
        assert found.files[:2] == ["arr_0", "arr_1"] and np.array_equal(found["arr_0"], images)
    own = Npz(file=str(tmp_path / "a.npz"), sha256=sha256(tmp_path / "a.npz"), n=4)
    again, label = own.images(store)
    assert np.array_equal(again, images[:4]) and label.tolist() == [0, 1, 2, 3]
    for name, arrays, why in [
        ("b", {"arr_0": images.astype(np.float32)}, "not uint8"),
        ("c", {"arr_0": images[..., :2]}, "not uint8"),
        ("d", {"other": images}, "has no arr_0"),
        ("e", {"arr_0": images, "arr_1": np.zeros(5, int)}, "not an integer label for each of 6 images"),
    ]:
        file = tmp_path / f"{name}.npz"
        np.savez(file, **arrays)
        with pytest.raises(Problem, match=why):
            Npz(file=str(file), sha256=sha256(file)).images(store)
    with pytest.raises(Problem, match="another file"):
        Npz(file=str(tmp_path / "a.npz"), sha256="0" * 64).images(store)
    np.savez(tmp_path / "pickle.npz", arr_0=np.array([{}], dtype=object))
    with pytest.raises(Problem, match="is no .npz of arrays"):
        read_npz(tmp_path / "pickle.npz", ("arr_0",))


def test_adm_rounds_down_and_we_round_to_the_nearest():
    x = torch.tensor([-1.2, -1.0, 0.0, 0.9999, 1.0, 3.0]).reshape(1, 1, 1, -1)
    assert to_uint8(x).reshape(-1).tolist() == [0, 0, 128, 255, 255, 255]
    assert to_uint8(x, "down").reshape(-1).tolist() == [0, 0, 127, 254, 255, 255]


def test_random_labels_are_a_function_of_seed_and_index_and_uniform():
    whole = labels_of("random", 10, 3, range(2000))
    assert labels_of("random", 10, 3, range(500, 700)).tolist() == whole[500:700].tolist()
    assert (whole != labels_of("random", 10, 4, range(2000))).mean() > 0.8
    counts = np.bincount(whole, minlength=10)
    assert 130 < counts.min() < counts.max() < 270 and len(set(counts)) > 3, "balanced would be 200 of each"
    assert labels_of("balanced", 10, 3, range(5, 25)).tolist() == [i % 10 for i in range(5, 25)]


def test_a_protocol_has_a_name_where_it_is_not_ours():
    assert PROTOCOLS["ours"].label == "" and PROTOCOLS["adm"].label == "adm"
    assert Protocol(labels="random").label == "random" and Protocol(split=10).label == "split10"
    adm = PROTOCOLS["adm"]
    assert (adm.labels, adm.rounding, adm.split, adm.k, adm.neighbours) == ("random", "down", 5000, 3, 10_000)
