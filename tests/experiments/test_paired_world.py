"""Worlds of pairs: the second label is counted in the images, the mixture's is exact, and a study samples with two scales."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import make_here, results_of

from experiments.features.protocol import Protocol
from experiments.objectives.denoising import Denoising
from experiments.objectives.paired_denoising import PairedDenoising
from experiments.registry import lookup
from experiments.second_label import SecondLabel
from experiments.settings import override
from experiments.studies.decode import read_study
from experiments.studies.two_conditions import grid
from experiments.studies.two_scales import scales_of
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.gaussians import Gaussians
from experiments.worlds.paired import HOLES, Paired, holes, tone
from experiments.worlds.world import data
from guidance.compute import Compute
from guidance.methods import METHODS
from guidance.paired import PairedDenoiser, PairedMixture

RING = """
........
.###....
.#.#.##.
.###.##.
....####
..###..#
..#.#..#
..######
"""


def drawing(text: str) -> np.ndarray:
    return np.array([[1.0 if dot == "#" else -1.0 for dot in line] for line in text.split()])[None]


def test_holes_are_regions_without_ink_inside_it():
    assert holes(drawing(RING)).tolist() == [3]
    open_ring = drawing(RING.replace(".###....\n.#.#", ".###....\n.#..", 1))
    assert holes(open_ring).tolist() == [2]
    assert holes(np.full((2, 8, 8), -1.0)).tolist() == [0, 0]
    diagonal = drawing("....\n.#..\n#.#.\n.#..")
    assert holes(diagonal).tolist() == [1], "ink that touches at corners closes a hole"
    at_the_border = drawing("###\n#.#\n#.#")
    assert holes(at_the_border).tolist() == [0], "a gap at the border is open"


def test_tone_is_of_the_article_and_not_of_the_background():
    dark, bright, none = np.full((3, 4, 4), -1.0)
    dark[1:3, 1:3], bright[0, 0] = -0.2, 0.4
    assert tone(np.stack([dark, bright, none])).tolist() == [0, 1, 0]


def test_the_digits_are_labelled_by_what_is_in_them():
    world, base = data(Paired()), data(Digits())
    pairs = Paired().pairs.pairs
    assert Paired().classes == len(HOLES) == 14 and Paired().label == "digits-holes"
    for part, whole in ((world.train, base.train), (world.test, base.test)):
        counted = holes(part.x[:, 0].numpy())
        assert [pairs[label][1] for label in part.label.tolist()] == counted.tolist()
        known = {image.numpy().tobytes(): label for image, label in zip(whole.x, whole.label.tolist())}
        assert all(known[image.numpy().tobytes()] == pairs[label][0] for image, label in zip(part.x, part.label.tolist()))
    every = torch.cat([world.train.label, world.test.label]).bincount()
    assert every.min() >= 40 and len(every) == 14
    second = [second for first, second in pairs if first in (4, 9)]
    assert second == [0, 1, 0, 1], "it does not follow from the class"


def test_the_exact_second_label_is_the_component_with_less_or_more_ink():
    world = Paired(base=DigitsExact())
    oracle, base = data(world).oracle, data(DigitsExact()).oracle
    assert world.exact and oracle.classes == 20 and torch.equal(oracle.means, base.means)
    for c in range(10):
        ink = [oracle.means[oracle.labels == 2 * c + second].mean().item() for second in range(2)]
        assert ink[0] < ink[1] and torch.equal(base.labels[oracle.labels // 2 == c], torch.full((2,), c))
    assert torch.allclose(oracle.class_log_weights().exp(), torch.full((20,), 0.05, dtype=torch.float64))
    assert torch.equal(data(world).train.label[:40], torch.arange(40) % 20)
    model = Exact(world=world, groups=True).play("model", {}, None, "cpu")["model"]
    assert isinstance(model, PairedMixture) and model.coarse_label(torch.tensor([5])).tolist() == [20 + 10 + 1]


def test_a_network_of_pairs_knows_every_id_and_is_refused_elsewhere():
    world = Paired()
    task = Train(world=world, network="unet", objective="paired-denoising", fit={"steps": 1})
    assert task.kind == "denoiser" and task.module().condition.label.num_embeddings == 14 + 10 + 3 + 1
    model = task.objective.play("model", task.module(), world, None)["model"]
    assert isinstance(model, PairedDenoiser) and model.pairs == world.pairs
    _, _, _, label = PairedDenoising(p_first=0.2, p_second=0.3, p_uncond=0.1).draw(
        data(world).train, world, 4000, torch.Generator().manual_seed(0)
    )
    shares = [((label >= low) & (label < high)).float().mean().item() for low, high in ((0, 14), (24, 27), (14, 24), (27, 28))]
    assert shares == pytest.approx([0.4, 0.2, 0.3, 0.1], abs=0.03)
    with pytest.raises(ValueError, match="two conditions need a world of pairs, as paired, and digits has one label"):
        Train(world=Digits(), network="unet", objective="paired-denoising", fit={"steps": 1}).dry_run()
    with pytest.raises(ValueError, match="base: a second label is known of digits, fashion, digits-exact, and not of gaussians"):
        Paired(base=Gaussians())
    with pytest.raises(ValueError, match="add up to 1 at most, not 1.1"):
        PairedDenoising(p_first=0.5, p_second=0.5, p_uncond=0.1)
    with pytest.raises(ValueError, match="groups"):
        PairedDenoising(groups=2)
    with pytest.raises(ValueError, match=r"p_first\n.*greater than 0"):
        PairedDenoising(p_first=0.0)
    assert PairedDenoising(p_second=0.0).p_second == 0, "no method asks for the first label alone"
    assert PairedDenoising().p_uncond == PairedDenoising().p_first == PairedDenoising().p_second == 0.05
    assert Denoising().p_uncond == 0.1


def test_the_grid_has_every_pair_of_scales_once():
    curves = grid((1.0, 4.0), (0.0, 1.0, 4.0))
    shares = [(1.0, 1.0), *((curve.method.fine, curve.method.coarse) for curve in curves[1:])]
    assert [curve.label for curve in curves].index("classifier-free") == 0 and (1.0, 1.0) not in shares[1:]
    scales = [(fine * w, coarse * w) for (fine, coarse), curve in zip(shares, curves) for w in curve.ws if w]
    assert sorted(scales) == [(c, s) for c in (0.0, 1.0, 4.0) for s in (0.0, 1.0, 4.0)][1:]
    assert all(curve.ws[0] == 0.0 for curve in curves)
    assert all(curve.method.fine for curve in grid((1.0, 4.0), (0.0,))), "no second w, no curve of it alone"


def test_the_full_study_of_the_exact_pairs_trains_a_network_for_each_seed():
    quick, full = (lookup("studies", "two-conditions-exact")[form] for form in ("quick", "full"))
    assert full.train_seeds == lookup("studies", "digits-exact")["full"].train_seeds and len(full.train_seeds) == 3
    trained = {seed for seed, exact in full.models if not exact}
    assert trained == set(full.train_seeds) and quick.model is None and len(quick.models) == 1


def test_the_test_set_of_pairs_fills_a_part_with_as_many_of_each_pair():
    for study in lookup("studies", "two-conditions-digits").values():
        assert len(data(study.world).test.label) >= study.part <= study.n and study.part % study.world.classes == 0


def test_the_shares_are_tabled_by_the_names_that_the_cells_have():
    full, lossy = lookup("studies", "two-conditions-exact")["full"], Compute(precision="bfloat16")
    for study in (full, replace(full, compute=lossy), replace(full, protocol=Protocol(labels="random"))):
        table = scales_of(study, study._labels)["scales"].set_index("method")
        names = {placed.place["method"] for placed in study.cells() if placed.table == "table"} - {"real"}
        assert names <= set(table.index) and table.index.is_unique and set(table["world"]) == {study.world.label}
        assert {tuple(row) for row in table[["fine", "coarse"]].to_numpy()} == {
            (1.0, 1.0),
            *((curve.method.fine, curve.method.coarse) for curve in study.methods[1:]),
        }
        assert set(table.loc[(table["fine"] == 1) & (table["coarse"] == 1)].index.str.split(" ").str[0]) == {"classifier-free"}
    lone = replace(full, methods=("classifier-free", "two-conditions"))
    assert set(scales_of(lone, "")["scales"]["fine"]) == {1.0} and len(scales_of(lone, "")["scales"]) == 2, "one line, no grid"
    windowed = replace(full, methods=(METHODS["classifier-free"](logsnr_min=0.0), *full.methods[1:]))
    assert not scales_of(windowed, "")["scales"]["method"].str.startswith("classifier-free").any()
    assert scales_of(lookup("studies", "digits")["quick"], "") == {}


def test_the_second_label_of_real_images_is_right_and_of_others_is_not():
    for world in (Paired(), Paired(base=DigitsExact())):
        images = data(world).test
        x, label = images.x[:500].numpy(), images.label[:500].numpy()
        right = SecondLabel().measure(x, label, world)
        assert right > 0.9 and (not world.exact or right > 0.95)
        assert SecondLabel().measure(x, np.roll(label, 1), world) < 0.8


@pytest.mark.slow
def test_two_scales_are_sampled_on_the_exact_world(tmp_path):
    sizes = ["n=60", "part=60", 'sweeps=[{"sampler": "ancestral", "steps": 6, "ws": [0]}]']
    study = override(lookup("studies", "two-conditions-exact")["quick"], sizes)
    folder = make_here(study, tmp_path)
    table = results_of(study, tmp_path).table
    right = table[table["metric"] == "second_label"].set_index(["method", "w"])["value"]
    assert len(right[right.index.get_level_values("method") != "real"]) == 13 and right.between(0, 1).all()
    spent = table[(table["metric"] == "nfe_denoiser_forward") & (table["w"] == 4)].set_index("method")["value"]
    assert set(results_of(study, tmp_path).tables["scales"]["method"]) >= set(table["method"]) - {"real"}
    assert spent.pop("classifier-free") == 2 * 6 and len(spent) == 3 and (spent == 3 * 6).all() and read_study(folder) == study
