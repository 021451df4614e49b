"""`guidance-bench benchmark` with what it cannot run."""

import pytest
from reduced import written
from small import here


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no method 'nothing'"),
        (["apg", "--world", "mars"], "has no world 'mars'"),
        (["apg", "--ws", "a,b"], "strengths are numbers"),
        (["apg", "--ws", "mars=1"], "'mars' is none of the protocol's worlds"),
        (["apg", "--ws", "1", "--ws", "2"], "--ws is given twice"),
        (["apg", "--ws", "1,1"], "a w stands there twice"),
        (["apg", "--ws", "1,2,3"], "4 strengths, and the protocol allows 3"),
        (["apg", "--set", "radios=3"], "has no option 'radios'"),
        (["apg", "--set", "w=3"], "strengths are --ws"),
        (["pag", "--world", "gaussians"], "pag cannot run in gaussians"),
        (["pag"], "pag cannot run in"),
        (["apg", "--protocol", "v9"], "there is no protocol 'v9'"),
        (["apg", "--ws", "1", "--out", "results/apg.json"], "is no folder"),
    ],
)
def test_what_cannot_be_run_is_one_line_before_any_work(words, said, capsys, tmp_path, monkeypatch):
    written(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "apg.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    protocol = [] if "--protocol" in words else ["--protocol", "small.json"]
    done = here(["benchmark", *words, *protocol, "--runs", str(tmp_path / "runs")], capsys)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
