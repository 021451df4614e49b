"""Figures and tables as files: fonts embedded, equal bytes, LaTeX whose structure holds."""

import re

import pandas as pd
import pytest
from made import of_methods
from synthetic import study

from analysis.export import export_figures, export_tables
from analysis.figures.style import panels, rendered, save
from analysis.headline import headline
from analysis.latex import escape, latex
from analysis.table import parquet_bytes, read_table, summarise, write_table


def drawn():
    figure, (axes,) = panels(1, 1, (3.0, 2.0))
    axes.plot([0, 1], [0, 1])
    axes.set_title("Fréchet λ − 1")
    return figure


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_the_same_figure_is_the_same_bytes_without_a_date(kind):
    once, again = rendered(drawn(), kind), rendered(drawn(), kind)
    assert once == again and not re.search(rb"CreationDate|<dc:date>|tIME|Matplotlib v", once)


def test_fonts_are_embedded_in_a_pdf_and_outlines_in_an_svg(tmp_path):
    pdf, svg = rendered(drawn(), "pdf"), rendered(drawn(), "svg").decode()
    assert b"/FontFile2" in pdf and b"/CIDFontType2" in pdf and b"/Type3" not in pdf
    assert "<text" not in svg and "font-family" not in svg and svg.count("<use") > 5
    with pytest.raises(ValueError, match="png, pdf, svg"):
        save(drawn(), tmp_path / "figure.eps")
    assert save(drawn(), tmp_path / "figure.svg").read_text() == svg


def test_a_user_s_settings_change_no_byte():
    import matplotlib

    plain = rendered(drawn(), "pdf")
    with matplotlib.rc_context({"pdf.fonttype": 3, "svg.fonttype": "none", "font.family": ["serif"]}):
        assert rendered(drawn(), "pdf") == plain and "<text" not in rendered(drawn(), "svg").decode()


@pytest.mark.slow
def test_every_figure_of_a_report_becomes_a_file(tmp_path):
    results = of_methods(worlds=("moons",))
    paths = export_figures(results, tmp_path / "figures", "svg", "comparison")
    assert len(paths) > 5 and {path.suffix for path in paths} == {".svg"} and all(path.stat().st_size > 1000 for path in paths)
    assert len(set(paths)) == len(paths)
    with pytest.raises(ValueError, match="no figure is saved as 'eps': choose of png, pdf, svg"):
        export_figures(results, tmp_path / "none", "eps")
    with pytest.raises(ValueError, match="there is no report 'mine'"):
        export_figures(results, tmp_path / "none", "pdf", "mine")
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_tables_hold_the_same_numbers_in_every_kind(tmp_path, undrawn):
    pytest.importorskip("pyarrow")
    results = of_methods(worlds=("moons",))
    for kind in ("csv", "parquet"):
        names = {path.name for path in export_tables(results, tmp_path, kind, "comparison")}
        assert names == {f"{name}.{kind}" for name in ("table", "summary", "compared", "matched", "cheapest", "fronts")}
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), read_table(tmp_path / "table.parquet"), check_dtype=False)
    assert {path.name for path in export_tables(results, tmp_path, "latex", "comparison")} == {
        f"{name}.tex" for name in ("main_moons", "compared", "matched", "cheapest", "fronts")
    }
    with pytest.raises(ValueError, match="no table is saved as 'xlsx': choose of csv, parquet, latex"):
        export_tables(results, tmp_path / "none", "xlsx")
    assert not (tmp_path / "none").exists()


def test_a_large_table_is_read_from_the_parquet_that_stands_in_its_place(tmp_path):
    pytest.importorskip("pyarrow")
    write_table(study(), tmp_path / "table.csv")
    plain = read_table(tmp_path / "table.csv")
    (tmp_path / "table.parquet").write_bytes(parquet_bytes(plain))
    assert parquet_bytes(plain) == parquet_bytes(plain)
    (tmp_path / "table.csv").unlink()
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), plain)
    (tmp_path / "table.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="table.parquet is not a table of a study"):
        read_table(tmp_path / "table.csv")


def test_without_pyarrow_one_line_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"parquet needs pyarrow: pip install guidance-bench\[images\]"):
        export_tables(of_methods(worlds=("moons",)), tmp_path / "out", "parquet", "comparison")
    assert not (tmp_path / "out").exists()


def test_latex_has_rules_arrows_and_two_columns_around_each_plus_minus():
    summary = summarise(study())
    frame = headline(summary, sampler="ancestral", steps=32, n=500, metrics=["fid_digits", "is_digits"])
    text = latex(frame, "50 % of_it & more", "main digits")
    assert [text.count(rule) for rule in ("\\toprule", "\\midrule", "\\bottomrule")] == [1, 1, 1]
    assert "\\caption{50 \\% of\\_it \\& more}" in text and "\\label{tab:main-digits}" in text
    (layout,) = re.findall(r"\\begin\{tabular\}\{(.*)\}\n", text)
    assert layout == "lr" + 2 * r"r@{${}\pm{}$}l"
    assert r"Fr\'echet distance on digits features $\downarrow$" in text and r"features $\uparrow$" in text
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().split("\n")
    rows = [line for line in body if line != "\\addlinespace"]
    assert len(rows) == len(frame) and body.count("\\addlinespace") == frame.index.get_level_values(0).nunique() - 1
    for line in rows:  # a cell across two columns counts twice
        assert line.endswith(" \\\\") and line.count("&") + line.count("\\multicolumn{2}") == 5, line
    mean, sd = frame.iloc[0, 0].split(" ± ")
    assert f"& {mean} & {sd} &" in rows[0] and rows[0].startswith("classifier &") and rows[1].startswith(" &")


@pytest.mark.parametrize("text", ["a_b", "50%", "x^2", "{a}", "#1", "$5", "a&b", "~", "\\", "<", "λ − 1 ≥ 0", "é ± ×"])
def test_no_special_character_is_left_bare(text):
    escaped = re.sub(r"\$[^$]*\$|\\textbackslash\{\}|\\text\w+\{\}|\\'e|\\[&%$#_{}]", "", escape(text))
    assert not set(escaped) & set("&%$#_{}~^\\<>|λ−≥±×é")


def test_negative_numbers_missing_ones_and_words_are_set_as_they_read():
    frame = pd.DataFrame({"w": [-0.5, float("nan")], "value": ["−1.0 ± 0.2", ""], "verdict": ["a_b", "none"]})
    text = latex(frame, "c", "l")
    assert r"$-$0.5 & $-$1.0 & 0.2 & a\_b \\" in text and r" & \multicolumn{2}{c}{--} & none \\" in text
    assert r"{rr@{${}\pm{}$}ll}" in text
