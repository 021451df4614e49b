"""What is sealed and well-formed and still no submission: noise of other seeds, copies, made-up prices, names and numbers."""

import json
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
from small import here

from experiments.benchmark.check import check_submission
from experiments.benchmark.committed import committed, reference
from experiments.benchmark.leaderboard import write_page
from experiments.benchmark.protocol import read_protocol
from experiments.benchmark.submission import read_submission, sealed
from experiments.problems import Problem

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "benchmark"
PROTOCOL = read_protocol("v1")
PLAIN = reference(committed(RESULTS, PROTOCOL))


@pytest.fixture(scope="module")
def honest() -> dict:
    return json.loads((RESULTS / "guidance-bench-v1-apg.json").read_text())


def written(folder: Path, content: dict) -> Path:
    path = folder / "mine.json"
    path.write_text(json.dumps(sealed(content)))
    return path


def next_seeds(content: dict) -> None:
    values = {(cell["world"], cell["w"], cell["seed"]): cell["values"] for cell in deepcopy(content["cells"])}
    for cell in content["cells"]:
        seeds = len(PROTOCOL.rules.worlds[cell["world"]].sample_seeds)
        cell["values"] = values[cell["world"], cell["w"], (cell["seed"] + 1) % seeds]


def one_seed(content: dict) -> None:
    for cell in content["cells"]:
        if cell["w"]:
            cell["values"]["frechet_exact"] = 0.01


def cheap(content: dict) -> None:
    for cell in content["cells"]:
        cell["values"]["nfe_denoiser_forward"] = 1.0


def of(name: str, held: object) -> object:
    """A change of what the method is said to be."""
    return lambda content: content["method"].update({name: held})


def at(**entries: object) -> object:
    """A change of one row."""
    return lambda content: content["cells"][20].update(entries)


def numbers(**values: object) -> object:
    return lambda content: content["cells"][20]["values"].update(values)


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (next_seeds, r"w = 0, seed 0: rule plain: frechet_exact is .*, and that of classifier-free is .*: other noise"),
        (one_seed, r"rule sample_seeds: frechet_exact is 0\.01 at every seed, as no samples are"),
        (cheap, r"rule budget: 1 network evaluations were counted, and the plain model takes 16"),
        (lambda content: content["protocol"].update(title="guidance-bench v9"), "rule protocol: it says 'guidance-bench v9'"),
        (numbers(frechet_exact=-1.0), "rule measures: frechet_exact is -1, and no distance is below 0"),
        (numbers(frechet_exact=10**400), r"rule measures: frechet_exact is 10+, and no finite number"),
        (at(w=10**400), "cell 20: w is no finite number"),
        (at(runs={}), "cell 20 has no runs"),
        (at(made_from={}), "cell 20 has no made_from"),
        (lambda content: content.update(code={}), "has no code"),
        (lambda content: content.update(revisions=[]), "has no revisions"),
        (of("values", {"is": []}), "the values of its method do not say what it is"),
        (of("label", "apg\n\n## first"), "is no line of text"),
        (of("label", "another apg"), "rule method: its label is 'another apg', and that of its values 'apg'"),
        (of("family", "gradient"), "rule method: its family is 'gradient'"),
    ],
)
def test_a_forged_file_is_refused_in_one_line(forge, words, honest, tmp_path):
    content = deepcopy(honest)
    forge(content)
    with pytest.raises(Problem, match=words) as refused:
        check_submission(read_submission(written(tmp_path, content)), PROTOCOL, plain=PLAIN)
    assert "\n" not in str(refused.value) and "mine.json" in str(refused.value)


@pytest.mark.slow
def test_the_command_holds_a_file_to_the_committed_plain_model(honest, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(RESULTS.parents[2])
    assert "fits" in here(["check-submission", str(written(tmp_path, honest))], capsys).stdout
    content = deepcopy(honest)
    next_seeds(content)
    assert "rule plain" in here(["check-submission", str(written(tmp_path, content))], capsys).stderr
    done = here(["leaderboard", "--with", str(tmp_path / "mine.json"), "--out", str(tmp_path / "page.md")], capsys)
    assert done.returncode == 2 and "rule plain" in done.stderr and not (tmp_path / "page.md").exists()


def test_a_file_of_an_unknown_protocol_is_not_left_out_in_silence(honest, tmp_path):
    written(tmp_path, {**honest, "protocol": {"title": "guidance-bench v1", "sha256": "0" * 64}})
    with pytest.raises(Problem, match="rule protocol: guidance-bench v1 00000000 does not ship"):
        list(write_page(tmp_path, [], None, tmp_path / "page.md"))


@pytest.mark.slow
def test_the_committed_ones_are_found_from_any_working_directory(honest, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = {**honest, "method": {**honest["method"], "label": "mine", "values": {"is": "mine"}}}
    written(tmp_path, mine)
    done = here(["leaderboard", "--with", "mine.json"], capsys)
    methods = len(list(RESULTS.glob("*.json")))
    assert done.returncode == 0 and f"{methods + 1} methods" in done.stdout
    page = (tmp_path / "leaderboard.md").read_text()
    assert "of the submissions of the package alone, with mine.json beside them" in page and "Not ranked" not in page


def test_nothing_is_ranked_without_plain_guidance(honest, tmp_path, capsys):
    written(tmp_path, honest)
    done = here(["leaderboard", "--results", str(tmp_path), "--out", str(tmp_path / "page.md")], capsys)
    assert done.returncode == 2 and not (tmp_path / "page.md").exists()
    assert (
        f"{tmp_path} has no submission of classifier-free under guidance-bench v1" in done.stderr and "--results" in done.stderr
    )


def test_a_page_says_whose_submissions_it_is_made_of(honest, tmp_path):
    shutil.copy(PLAIN.place, tmp_path)
    written(tmp_path, honest)
    list(write_page(tmp_path, [], None, tmp_path / "page.md"))
    text = (tmp_path / "page.md").read_text()
    assert f"in `{tmp_path}` alone" in text and "BENCHMARK.md of guidance-bench" in text and "../BENCHMARK.md" not in text
