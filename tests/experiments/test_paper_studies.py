"""The studies behind `guidance-bench paper`: their parts, the base that is never given a label, and whose networks they take."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from analysis.paper.conditions import ADM_TABLE4, CFG_TABLE1, CFG_TABLE2, conditions, verdict
from analysis.results import Results, WorldFacts
from analysis.table import COLUMNS
from experiments.graph.files import content_sha256
from experiments.graph.value import encode
from experiments.settings import override
from experiments.shipped import located, shipped
from experiments.studies.digits import QUICK as BASE
from experiments.studies.paper_adm import DIGITS_STUDIES as ADM
from experiments.studies.paper_cfg import DIGITS_STUDIES as CFG
from experiments.studies.paper_cfg import FASHION_STUDIES
from experiments.studies.paper_chosen import PAPERS, chosen_paper
from experiments.tasks.sources import Exact, shipped_source
from experiments.tasks.train import Train
from experiments.tasks.unlabelled import Unlabelled, WithoutLabel
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.fashion import Fashion
from experiments.worlds.imagenet import ImageNet64, ImageNet128
from experiments.worlds.images import Images
from experiments.worlds.world import data
from guidance import METHODS
from guidance.oracle import exact_roles
from guidance.schedules import CosineLogSNR


class Asked:
    def __init__(self):
        self.labels = []

    def __call__(self, z, logsnr, label):
        self.labels.append(label)
        return z


def test_a_model_without_label_is_never_asked_for_one():
    asked = Asked()
    model = WithoutLabel(asked, torch.nn.Identity())
    model(torch.zeros(2, 1), torch.zeros(2), torch.tensor([0, 1]))
    assert asked.labels == [None]


def test_scale_s_on_the_unconditional_base_is_the_registry_s_method_at_w_plus_1():
    world = data(DigitsExact())
    roles = exact_roles(world.oracle.float(), world.weak.float())
    model, classifier = world.oracle.float(), roles["classifier"]
    z = torch.randn(3, *world.oracle.means.shape[1:], generator=torch.Generator().manual_seed(0))
    logsnr, label = torch.zeros(3), torch.tensor([0, 4, 9])
    on_null = METHODS["classifier"](w=3.0)(WithoutLabel(model, model), classifier)(z, logsnr, label)
    known = METHODS["classifier-unconditional"](w=2.0)(model, classifier)(z, logsnr, label)
    other = METHODS["classifier"](w=3.0)(model, classifier)(z, logsnr, label)
    assert torch.equal(on_null.x, known.x) and not torch.allclose(on_null.x, other.x)


def test_it_has_a_seed_where_its_source_has():
    training = ADM["quick"].base.model
    again = Unlabelled(source=training).of_seed(5, CosineLogSNR())
    assert again == Unlabelled(source=training.of_seed(5, CosineLogSNR())) and again.source.seed == 5
    assert not hasattr(Unlabelled(source=Exact(world=DigitsExact())), "of_seed")
    assert not hasattr(Unlabelled(source=shipped_source(Fashion(), "model")), "of_seed")


def test_parts_differ_in_p_uncond_alone_and_the_base_keeps_its_own():
    parts = [part.study for part in CFG["full"].parts][:-1]
    assert [study.model.objective.p_uncond for study in parts] == [0.1, 0.2, 0.5]
    assert parts[0] == CFG["full"].base and [len(study.sweeps) for study in parts] == [3, 1, 1]
    assert all(replace(study.model, objective=parts[0].model.objective) == parts[0].model for study in parts)
    places = [(placed.table, placed.task.name, *placed.place.items()) for placed in CFG["full"].cells()]
    assert len(set(places)) == len(places)
    seeds = {(placed.place["train_seed"], placed.place["seed"]) for placed in CFG["full"].cells() if placed.place.get("steps")}
    assert {(train, seed) for train in range(3) for seed in range(3)} <= seeds


def test_full_forms_have_every_strength_of_the_paper_s_tables():
    from analysis.reference import table

    for form in (CFG, FASHION_STUDIES):
        assert set(form["full"].base.sweeps[0].ws) == set(table("cfg_table1_imagenet64")["w"])
    scales = set(table("adm_table4_imagenet256")["scale"])
    assert all(scales <= set(ADM[form].base.sweeps[0].ws) for form in ADM)


def test_the_unconditional_base_may_be_a_network_of_its_own():
    own = replace(ADM["quick"].base.model, objective=replace(ADM["quick"].base.model.objective, p_uncond=1.0))
    study = replace(ADM["quick"], base=replace(ADM["quick"].base, unconditional=own))
    conditional, unconditional = (part.study for part in study.parts)
    assert unconditional.model == Unlabelled(source=own) and conditional.model == study.base.model
    assert ADM["quick"].parts[1].study.model == Unlabelled(source=study.base.model)


def test_a_checkpoint_is_the_model_of_either_paper_and_has_one_p_uncond(tmp_path):
    file = located(shipped(Fashion().name)["model"][0])
    for paper in ("cfg", "adm"):
        study = chosen_paper(paper, "fashion", True, [], file, "exported")
        assert study.base.model.sha256 == content_sha256(file) and study.base.model.adapter == "exported"
        assert getattr(study, "p_unconds", ()) == ()


def test_any_study_of_images_has_its_papers_with_its_own_networks():
    study = chosen_paper("cfg", "controls", False, ["base.n=100", "base.part=100"])
    assert study.name == "paper-cfg-controls" and study.base.n == 100 and isinstance(study.base.model, Train)
    assert study.base.world == Digits() and study.base.classifier is None


NOWHERE = {"path": "nowhere", "classes": 1000, "fingerprint": "0" * 64}
EQUAL = {
    "cfg, Table 1": (ImageNet64(**NOWHERE, preprocessing="area"), CFG_TABLE1),
    "cfg, Table 2": (ImageNet128(**NOWHERE, preprocessing="area"), CFG_TABLE2),
    "adm, Table 4": (Images(**NOWHERE, called="imagenet", size=256, preprocessing="adm"), ADM_TABLE4),
}


def measured(base) -> Results:
    """A table of one number a column, as the study would make it."""
    world, (network,) = base.world.label, base.features
    rows = [
        (world, 0, "m", 0.0, sweep.label, sweep.steps, 0, base.n, f"{name}_{network.label}-{base.protocol.label}", 1.0)
        for sweep in base.sweeps
        for name in ("fid", "is")
    ]
    facts, first = {world: WorldFacts(world, 1000, base.world.shape, {}, exact=False)}, base.sweeps[0]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Results("made", "made", facts, table, [], first.label, first.steps, {world: base.n}, values=encode(base, expand=True))


@pytest.mark.parametrize("numbers", EQUAL)
def test_what_the_page_says_to_set_gives_numbers_that_could_be_equal(numbers):
    world, paper = EQUAL[numbers]
    page = (Path(__file__).parents[2] / "docs" / "paper.md").read_text()
    settings = shlex.split(re.search(r"`(--set base\.protocol[^`]*)`", page)[1])[1::2]
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {numbers} | ") and "`[" in line]
    own = {role: replace(getattr(BASE, role), world=world) for role in ("model", "classifier", "evaluator")}
    base = replace(BASE, world=world, judges=(), n=2000, part=2000, **own)
    study = PAPERS[numbers[:3]].paper_of(base)
    said = conditions(measured(override(study, [*settings, f"base.sweeps={row.split('`')[-2]}"]).base))
    assert verdict(said, paper).startswith("These numbers could be equal"), verdict(said, paper)
    bare = conditions(measured(override(study, settings).base))
    assert "T (" in verdict(bare, paper), "the sweeps of the page are needed"
