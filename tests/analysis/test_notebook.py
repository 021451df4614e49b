"""The notebooks as files: their outputs are those of their sources, and of the tables that are committed beside them."""

import ast
import copy
import inspect

import pytest
from synthetic import study

from analysis.notebooks import execute
from analysis.notebooks.execute import FOLDER, ROOT, read
from analysis.notebooks.kept import problems, text, tidied
from analysis.table import write_table

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ROOMS = ("guidance", "classifiers", "experiments", "analysis")
LARGEST = 2.7e6  # bytes of a notebook: one panel a method, in each of four worlds
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def said(notebook):
    return "".join(text(output.get("text", "")) for cell in code(notebook) for output in cell["outputs"])


def shown(notebook, kind):
    return [output["data"] for cell in code(notebook) for output in cell["outputs"] if kind in output.get("data", {})]


def parsed(source):
    return ast.parse("\n".join(line for line in source.splitlines() if not line.startswith("%")))


def ours(tree):
    """What the cells import of our packages, by the name that they have there."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ROOMS]
    namespace = {}
    exec(compile(ast.Module(imports, []), "imports", "exec"), namespace)
    return namespace


def unfit(tree):
    """The calls of functions of ours, by name or through a module, whose arguments do not fit their signatures."""
    known = ours(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(isinstance(one, ast.Starred) for one in node.args):
            continue
        called = known.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            owner = known.get(node.func.value.id)
            called = getattr(owner, node.func.attr, None)
            if inspect.ismodule(owner) and called is None:
                yield f"{ast.unparse(node)}: {owner.__name__} has none"
        if inspect.isfunction(called) and all(word.arg for word in node.keywords):
            try:
                inspect.signature(called).bind(*node.args, **{word.arg: word.value for word in node.keywords})
            except TypeError as error:
                yield f"{ast.unparse(node)}: {error}"


def defined(source):
    """How many lines a cell spends on defining functions and classes."""
    tree = parsed(source)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return sum(node.end_lineno - node.lineno + 1 for node in tree.body if isinstance(node, kinds))


def test_there_is_one_a_question():
    questions = {path.stem.partition("_")[2] for path in NOTEBOOKS}
    asked = {"tradeoff", "diversity", "cost", "gaussians", "network_error", "methods", "classifiers", "ddim", "slider"}
    asked |= {"one_forward"}
    assert asked == questions


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_kept_and_belong_to_the_sources(path):
    notebook = read(path)
    assert not list(problems(notebook, ROOT)), "run `make notebooks`"
    assert [cell["execution_count"] for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert len(shown(notebook, "image/png")) >= 3 and path.stat().st_size < LARGEST
    assert tidied(copy.deepcopy(notebook)) == notebook, "what is committed is tidied already"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_it_calls_of_ours_takes_what_it_gives(path):
    """It is executed by `make test-slow`."""
    cells = [parsed(text(cell["source"])) for cell in code(read(path))]
    tree = ast.Module([node for cell in cells for node in cell.body], [])
    assert ours(tree) and not list(unfit(tree))


def test_a_call_that_does_not_fit_is_found():
    tree = parsed("from analysis.figures import methods as figures\nfigures.cost(1, 2, 3, 4)\nfigures.cost(1, 2, 3)")
    (found,) = unfit(tree)
    assert found.startswith("figures.cost(1, 2, 3, 4): too many positional arguments")
    (gone,) = unfit(parsed("from analysis.figures import curves\ncurves.fid_is_curve(1)"))
    assert gone == "curves.fid_is_curve(1): analysis.figures.curves has none", "what has moved away"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_lives_in_the_packages(path):
    for cell in code(read(path)):
        assert defined(text(cell["source"])) <= 5, text(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_in_the_first_cells_what_to_run(path):
    notebook = read(path)
    opening, first = text(notebook["cells"][0]["source"]), text(code(notebook)[0]["source"])
    if "open_study(" in first:
        assert "`guidance-bench study " in opening and "committed table" in opening.replace("\n", " ")
        assert "reading docs/results/" in said(notebook) and "for one of your own: `guidance-bench study" in said(notebook)
    else:
        assert "nothing has to be trained" in opening or "no training" in opening


def test_the_tradeoff_says_what_is_compared():
    opening = text(read(FOLDER / "01_tradeoff.ipynb")["cells"][0]["source"]).replace("\n", " ")
    for words in ("ImageNet at 64x64", "Inception-v3", "28x28", "1,000 samples a point", "shape of the curves, and nothing else"):
        assert words in opening


def executed(name, table, tmp_path):
    pytest.importorskip("nbclient")
    write_table(table, tmp_path / "table.csv")
    return execute.executed(read(FOLDER / f"{name}.ipynb"), tmp_path)


@pytest.mark.slow
def test_the_tradeoff_runs_on_a_small_study_and_says_which(tmp_path):
    notebook = executed("01_tradeoff", study(runs=2), tmp_path)
    assert f"reading {tmp_path / 'table.csv'}" in said(notebook) and "2 sampling seed(s)" in said(notebook)
    assert "largest difference between methods: 0.02" in said(notebook)  # as the synthetic study has it
    assert "has no figures/samples_by_class.png: this needs samples" in said(notebook)
    assert any("| classifier-free | 0.1 |" in text(data["text/markdown"]) for data in shown(notebook, "text/markdown"))
    assert len(shown(notebook, "image/png")) == 5


@pytest.mark.slow
def test_the_tradeoff_runs_on_one_run_of_another_world(tmp_path):
    table = study(runs=1).assign(world="moons")
    table["metric"] = table["metric"].str.replace("_digits", "_moons")
    notebook = executed("01_tradeoff", table, tmp_path)
    assert "moons: 1 training seed(s)" in said(notebook) and "one sampling seed: no w can be chosen" in said(notebook)
    assert len(shown(notebook, "image/png")) == 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["07_diversity", "08_cost"])
def test_a_notebook_runs_on_a_small_study(name, tmp_path):
    notebook = executed(name, study(runs=2), tmp_path)
    assert f"reading {tmp_path / 'table.csv'}" in said(notebook) and len(shown(notebook, "image/png")) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_on_the_committed_tables_and_says_what_is_committed(path):
    pytest.importorskip("nbclient")
    committed = read(path)
    notebook = tidied(execute.executed(committed))
    assert not list(problems(notebook, ROOT))
    assert len(shown(notebook, "image/png")) == len(shown(committed, "image/png"))
    if "experiments" not in "".join(text(cell["source"]) for cell in code(committed)):  # tables alone: the same everywhere
        assert said(notebook) == said(committed) and shown(notebook, "text/markdown") == shown(committed, "text/markdown")
