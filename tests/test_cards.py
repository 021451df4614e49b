"""What is cited: CITATION.cff is valid, and the cards and BENCHMARK.md say what the files say."""

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file

from experiments.benchmark.protocol import read_protocol, versions
from experiments.shipped import FOLDER
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.gaussians import Gaussians
from experiments.worlds.world import data

ROOT = Path(__file__).parent.parent
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
MODEL, DATA, BENCHMARK = (
    re.sub(r"\s+", " ", (ROOT / name).read_text()) for name in ("docs/cards/model.md", "docs/cards/data.md", "BENCHMARK.md")
)
SHIPPED = FOLDER / "fashion"
HASHES = json.loads((SHIPPED / "hashes.json").read_text())
NETWORKS = [name.removesuffix(".safetensors") for name in HASHES if "real" not in name]


def test_the_citation_is_of_the_schema_of_cff():
    """The schema is cffconvert's (pip install --no-deps cffconvert: it asks for an older jsonschema than Jupyter's)."""
    found, jsonschema = find_spec("cffconvert"), pytest.importorskip("jsonschema")
    if found is None:
        pytest.skip("cffconvert is not installed")
    schema = json.loads((Path(found.origin).parent / "schemas" / CITATION["cff-version"] / "schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(CITATION)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({**CITATION, "authors": [{"title": "Nobody"}]})


def test_the_citation_is_of_this_version():
    assert CITATION["version"] == version("guidance-bench") and CITATION["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors", "date-released"} <= set(CITATION)


@pytest.mark.parametrize("role", NETWORKS)
def test_a_network_of_the_model_card_is_the_one_that_ships(role):
    file = SHIPPED / f"{role}.safetensors"
    with safe_open(file, "np") as held:
        header = held.metadata()
    made, record = json.loads(header["training"]), json.loads(header["provenance"])
    network, fit = made["network"], made["fit"]
    cells = [
        f"`{role}`",
        f"{network['is']} {network.get('arch', '')}".strip(),
        f"{sum(array.size for array in load_file(file).values()):,}",
        f"{file.stat().st_size:,}",
        f"{fit['steps']:,} x {fit['batch']}",
        f"{made['seed']}",
        record["revision"][:7],
        f"`{HASHES[file.name]}`",
    ]
    assert f"| {' | '.join(cells)} |" in MODEL


def test_the_model_card_names_no_other_network_and_what_was_reached():
    assert set(re.findall(r"\| `([a-z]+)` \|", MODEL)) == set(NETWORKS)
    held = [load_file(SHIPPED / f"{name}.safetensors") for name in ("real", "judge_real")]
    first, second = (float((each["test_logits"].argmax(1) == each["test_label"]).mean()) for each in held)
    assert f"2,000 test images: {first:.3f} and {second:.3f}" in MODEL
    assert "{} and {} features".format(*(each["mean"].size for each in held)) in MODEL
    rules = read_protocol("v1").rules.worlds["fashion"]
    plain = rules.plain
    assert f"distance of {plain['fid_fashion']:.2f} on the evaluator's" in MODEL
    assert f"and {plain['fid_fashion-convnext']:.2f} on the judge's" in MODEL
    assert f"{rules.steps} levels, n = {rules.n}, {len(rules.sample_seeds)} sampling seeds" in MODEL


def test_what_the_shipped_model_reached_before_is_that_of_the_committed_table():
    from analysis.table import read_table

    rows = read_table(ROOT / "docs" / "results" / "fashion-full-cpu" / "table.csv")
    rows = rows[(rows["method"] == "classifier-free") & (rows["metric"] == "fid_fashion") & (rows["train_seed"] == 0)]
    means = rows[rows["sampler"].str.startswith("dpm")].groupby("w")["value"].mean()
    assert f"{means[0]:.2f} at w = 0 and {means[1]:.2f} at w = 1" in MODEL


@pytest.mark.parametrize("name", ["gaussians", "digits-exact", "digits", "fashion"])
def test_the_data_card_says_what_the_worlds_do(name):
    if name == "fashion":
        with safe_open(SHIPPED / "real.safetensors", "np") as held:
            card = json.loads(held.metadata()["card"])
    else:
        card = data({"gaussians": Gaussians(), "digits-exact": DigitsExact(), "digits": Digits()}[name]).card
    section = DATA.split(f"## {name} ")[1].split("## ")[0]
    for key, text in card.items():
        assert f"| {key} | {text.replace('|', chr(92) + '|')} |" in section, (name, key)


def test_the_methods_section_has_the_protocols_numbers():
    for name in versions():
        assert f"| {name} | `{read_protocol(name).sha256}` |" in BENCHMARK
    protocol = read_protocol("v1")
    assert f"`{protocol.label}`" in BENCHMARK and f'"{protocol.label}"' in BENCHMARK
    for world, rules in protocol.rules.worlds.items():
        guided = "the exact denoiser" if rules.world.exact else "networks that ship"
        asked = ", ".join(
            f"{' and '.join(f'`{measure}`' for measure in question.measures)}"
            + (" at its own best w" if question.w is None else f" at w = {question.w:g}")
            for question in rules.questions
        )
        row = f"| `{world}` | {guided} | {rules.n:,} | {len(rules.sample_seeds)} | {rules.steps} | {asked} |"
        assert row in BENCHMARK, row
        assert f"within {rules.budget:g} a sample" in BENCHMARK and f"at most {rules.strengths} per world" in BENCHMARK
        assert f"more than {rules.tolerance:.0%} from".replace("%", " %") in BENCHMARK


@pytest.mark.slow
def test_the_leaderboard_is_the_one_that_the_committed_submissions_make(tmp_path):
    from experiments.benchmark.leaderboard import write_page

    list(write_page(ROOT / "docs" / "results" / "benchmark", [], None, tmp_path / "page.md"))
    assert (tmp_path / "page.md").read_text() == (ROOT / "docs" / "leaderboard.md").read_text()


def test_on_the_leaderboard_every_measure_has_a_gap_of_its_own():
    lines = (ROOT / "docs" / "leaderboard.md").read_text().split("### fashion")[1].split("### ")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    for measure in ("fid_fashion", "fid_fashion-convnext"):
        value, gap = (
            head.index(next(name for name in head if words in name))
            for words in (f"(`{measure}`) ↓", f"difference from classifier-free, {measure} (negative is better)")
        )
        means = {row[1]: (row[value], row[gap]) for row in rows if row[1] not in ("method", "---")}
        plain = float(means["classifier-free"][0].split()[0])
        gaps = {name: (float(own.split()[0]) - plain, float(less.split()[0])) for name, (own, less) in means.items() if less}
        assert len(gaps) > 40 and all(abs(wanted - found) < 0.02 + 0.01 * abs(wanted) for wanted, found in gaps.values())
