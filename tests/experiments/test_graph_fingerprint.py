"""What moves the fingerprint of the code, and what does not."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from experiments.graph import fingerprint as code
from experiments.graph.fingerprint import closure, require_unedited
from experiments.problems import Problem
from guidance.methods.classifier_free import ClassifierFree
from guidance.samplers import Ancestral

FILES = {
    "__init__.py": "from theirs.method import Method\nfrom theirs.other import other\n",
    "method.py": '''
"""A method."""
from theirs import other
from theirs.deep import inner as renamed

class Method:
    """Says so."""
    w = 1.0

    def guided(self, a, b):
        """Adds."""
        from .late import late

        return other(a) + renamed(b) + late
''',
    "other.py": "import json\n\ndef other(a):\n    return a\n",
    "unused.py": "def unused(): ...\n",
    "late.py": "late = 1\n",
    "deep/__init__.py": "from .inside import inner\n",
    "deep/inside.py": "def inner(b):\n    return b\n",
}


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """(write, fingerprint) of a package of another."""
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path, FILES)

    def found() -> dict[str, str]:
        for cached in (code.closure, code.source, code.resolve, code.read, code._fingerprint):
            cached.cache_clear()
        return closure("theirs.method")

    yield lambda **files: write(tmp_path, files), found
    for cached in (code.closure, code.source, code.resolve, code.read, code._fingerprint):
        cached.cache_clear()
    for file in [file for file in code._stamps if tmp_path in file.parents]:
        del code._stamps[file]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / "theirs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "theirs" / name).write_text(text)


def test_the_closure_goes_by_name_through_packages_and_into_functions(theirs):
    _, found = theirs
    assert set(found()) == {"theirs.method", "theirs.other", "theirs.deep.inside", "theirs.late"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A method."""', '"""Another text."""\n\n'),
        ('        """Adds."""', '        """Adds, as all know."""'),
        ('        """Adds."""\n', ""),
        ("other(a) + renamed(b)", "other(a)  + (  # a comment\n            renamed( b ) )"),
        ("    w = 1.0\n", "    # w\n    w = 1.0\n\n\n"),
    ],
)
def test_comments_docstrings_and_blanks_move_nothing(theirs, old, new):
    write, found = theirs
    before = found()
    assert old in FILES["method.py"]
    write(**{"method.py": FILES["method.py"].replace(old, new)})
    assert found() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("method.py", "other(a) + renamed(b)", "other(a) - renamed(b)"),
        ("method.py", "w = 1.0", "w = 2.0"),
        ("method.py", "w = 1.0", "w = '1.0'"),
        ("method.py", "(self, a, b)", "(self, b, a)"),
        ("other.py", "return a", "return -a"),
        ("late.py", "late = 1", "late = 2"),
        ("deep/inside.py", "return b", "return 2 * b"),
    ],
)
def test_whatever_runs_moves_it(theirs, file, old, new):
    write, found = theirs
    before = found()
    write(**{file: FILES[file].replace(old, new)})
    name = "theirs." + file.removesuffix(".py").replace("/", ".")
    assert {key for key, now in found().items() if before[key] != now} == {name}


@pytest.mark.parametrize("file", ["unused.py", "__init__.py"])
def test_what_is_not_imported_moves_nothing(theirs, file):
    write, found = theirs
    before = found()
    write(**{file: FILES[file] + "\nanother = 1\n"})
    assert found() == before


def test_strange_imports_do_not_stop_it(theirs):
    write, found = theirs
    write(
        **{"other.py": "try:\n    from ....beyond import a\nexcept ImportError:\n    from theirs import *\n\ndef other(a): ...\n"}
    )
    write(**{"__init__.py": "from . import nothing\nfrom theirs import nothing\nfrom theirs.other import other\n"})
    assert "theirs.other" in found()


def test_a_file_that_is_no_python_is_named(theirs):
    write, found = theirs
    write(**{"other.py": "def other(a:\n"})
    with pytest.raises(Problem, match=r"other\.py cannot be read as Python"):
        found()


def test_a_file_that_was_edited_meanwhile_is_named(theirs):
    write, found = theirs
    found()
    require_unedited()
    write(**{"other.py": "def other(a):\n    return 3 * a\n"})
    with pytest.raises(Problem, match=r"other\.py was edited since this process started"):
        require_unedited()


def test_a_method_rests_on_itself_and_on_no_other_method():
    found = closure(ClassifierFree.__module__)
    methods = {name for name in found if name.startswith("guidance.methods.")}
    assert methods == {"guidance.methods.classifier_free", "guidance.methods.method", "guidance.methods.roles"}
    assert not any("methods" in name for name in closure(Ancestral.__module__))
    assert not any(name.startswith("experiments.graph") for name in closure("experiments.tasks.sample"))


def test_a_class_that_was_typed_in_has_the_digest_of_its_source():
    script = textwrap.dedent("""
        import linecache
        from experiments.graph.fingerprint import fingerprint
        def typed(text):
            name = f"<cell {len(linecache.cache)}>"
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            held = {"__name__": "__main__"}
            exec(compile(text, name, "exec"), held)
            return fingerprint([held["Mine"]])
        def unkept(text):
            held = {"__name__": "__main__"}
            exec(compile(text, "<gone>", "exec"), held)
            return fingerprint([held["Mine"]])
        one = "class Mine:\\n    def guided(self):\\n        return 1\\n"
        for how in (typed, unkept):
            assert how(one) == how(one) != how(one.replace("1", "2"))
            assert list(how(one)) == ["__main__.Mine"]
        assert typed(one) == typed(one.replace("return", "# why\\n        return"))
    """)
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.slow
def test_a_script_is_known_by_the_name_that_a_worker_imports_it_by(tmp_path):
    (tmp_path / "mine.py").write_text(
        textwrap.dedent("""
        from experiments.graph.executors import executor
        from experiments.graph.fingerprint import fingerprint
        class Mine: ...
        def ask(kind): return dict(fingerprint([kind]))
        if __name__ == "__main__":
            with executor(2, {"torch"}) as pool:
                here, there = ask(Mine), pool.submit(ask, Mine).result()
            assert here == there and list(here) == ["mine"], (here, there)
    """)
    )
    subprocess.run([sys.executable, "mine.py"], check=True, cwd=tmp_path, env=environment())


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def test_a_new_name_in_the_registry_makes_no_run_stale():
    assert "experiments.registry" not in closure("experiments.tasks.train")
    assert "experiments.tasks.fit" in closure("experiments.tasks.train")
