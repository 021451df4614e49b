"""What the README says is what the package does: its commands, its code, its table."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from several import several

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {path: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_ci_calls_the_test_command_of_the_readme():
    assert (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1] == "make test"
    assert any("make test" in block.splitlines()[-1] for block in blocks("sh"))


def test_the_readme_is_read_in_one_go():
    assert len(README.splitlines()) < 200, "what is more belongs on a page of docs/"


def test_every_make_target_that_is_named_exists():
    for target in set(re.findall(r"\bmake ([a-z]+)", " ".join(blocks("sh")))):
        assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True).returncode == 0, target


def test_lint_and_types_come_before_the_tests_and_root_may_open_the_lab():
    def recipe(target: str) -> str:
        return subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True).stdout

    places = [recipe("test").index(word) for word in ("ruff check", "ruff format --check", "mypy", "pytest")]
    assert places == sorted(places)
    assert ("--allow-root" in recipe("lab")) == (os.getuid() == 0)


def test_the_method_of_the_readme_obeys_the_laws():
    from guidance import laws

    (code,) = [block for block in blocks("python") if "class Bounded" in block]
    names: dict = {}
    exec(code, names)
    method = names["Bounded"]
    for law in laws.LAWS:
        law(method)
    with pytest.raises(AssertionError):  # bent, and so not the tilted score
        laws.strength_is_the_declared_one(type("Claims", (method,), {}, tilted=True))


def test_a_package_of_its_own_brings_its_method_by_an_entry_point(tmp_path):
    (code,) = [block for block in blocks("python") if "class Bounded" in block]
    (entry,) = blocks("toml")
    (tmp_path / "my_package.py").write_text(code)
    information = tmp_path / "my_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    header, line = entry.strip().splitlines()
    group = re.search(r'entry-points\."(.*)"', header)[1]
    (information / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}

    ended = several([("methods",), ("laws", "bounded"), ("study", "methods", "--show-config")], environment)
    assert not any(run.returncode for run in ended), ended
    methods, laws, shown = (run.stdout for run in ended)
    assert "bounded" in methods
    assert "broken" not in laws and laws.count("holds") >= 8
    assert '"bounded"' in shown


def test_the_study_of_the_readme_is_made(tmp_path, monkeypatch, undrawn):
    """The cell as it stands, but for fewer steps of training and fewer samples."""
    from dataclasses import replace

    from experiments.studies import digits

    (code,) = [block for block in blocks("python") if "run_study" in block]
    assert len(code.strip().splitlines()) <= 20
    code = (
        code.replace("steps=500", "steps=6")
        .replace("n=200", "n=40")
        .replace("part=100", "part=20")
        .replace("workers=2", "workers=1")
    )
    few = replace(digits.CLASSIFIER_FIT, steps=4)
    trained = {role: replace(getattr(digits.QUICK, role), fit=few) for role in ("classifier", "evaluator")}
    judges = tuple(replace(judge, classifier=replace(judge.classifier, fit=few)) for judge in digits.QUICK.judges)
    tiny = replace(digits.QUICK, **trained, judges=judges)
    monkeypatch.setattr(digits, "QUICK", tiny)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    found = names["results"].summary
    assert set(found["method"]) == {"classifier-free(logsnr_min=-4.0, logsnr_max=4.0)", "apg", "real"}
    assert (found["metric"] == "fid_digits").any() and len(list(tmp_path.glob("runs/mine-*/report.html"))) == 1


def test_every_picture_and_file_that_is_linked_is_there():
    for page, text in PAGES.items():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for path in re.findall(r"\]\(([^)#]+)\)", prose):
            if not path.startswith("http"):
                assert (page.parent / path).exists(), f"{page.name}: {path}"


def test_every_setting_that_is_shown_can_be_set():
    from experiments.studies.chosen import chosen

    for text in PAGES.values():
        joined = re.sub(r"\\\n\s*", " ", text)
        for line in re.findall(r"guidance-bench study [^`\n#]*", joined):
            words = shlex.split(line.strip().rstrip(");,.:"))
            settings = [value for flag, value in zip(words, words[1:]) if flag == "--set"]
            if ":" in words[2] or words[2].startswith("..."):  # of a package of the reader's
                continue
            chosen(words[2], "--full" in words, [one for one in settings if "..." not in one])


def test_the_figures_on_speed_are_those_that_were_measured():
    """`guidance-bench speed --show docs/results/speed-cpu/speed.json` prints what belongs there."""
    import json

    from experiments.peers.report import markdown

    record = json.loads((ROOT / "docs" / "results" / "speed-cpu" / "speed.json").read_text())
    assert "\n".join(markdown(record)) in (ROOT / "docs" / "cost.md").read_text()
    peers = {row["system"] for row in record["systems"] if not row["system"].startswith(("ours", "by hand"))}
    assert peers, "nobody else was timed"
