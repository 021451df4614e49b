"""The report opens offline, shows every figure and table, and lets no text become markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from synthetic import study

from analysis.figures import curves
from analysis.figures.style import png
from analysis.findings.words import SHOWN
from analysis.reports import html as report
from analysis.reports.html import Picture, Section
from analysis.reports.tables import heading
from analysis.table import summarise


@pytest.fixture(scope="module")
def pictures():
    summary = summarise(study(runs=1))
    return [
        Picture(
            curves.metric_against_w(summary, metric, sampler="ancestral", steps=32), metric, f"{metric} against w", "a caption"
        )
        for metric in ("fid_digits", "is_digits")
    ]


@pytest.fixture(scope="module")
def text(pictures):
    table = pd.DataFrame({"fid": ["0.31 ± 0.02"]}, index=pd.Index(["classifier-free"], name="method"))
    sections = [
        Section("FID", "First.\n\nSecond.", pictures, [("means & more", table)]),
        Section("Nothing <i>more</i>", "1 < 2 & 3", pictures[:1], [("", table), ("again", table)], '{"a": "<b>"}'),
    ]
    return report.html("A study <script>", "An intro.", sections)


def test_every_figure_is_inside(text, pictures):
    inside = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', text)]
    assert inside == [png(picture.figure) for picture in (*pictures, pictures[0])]
    assert text.count('alt="fid_digits against w"') == 2


def test_figures_have_the_room_that_everything_else_leaves(text, pictures, monkeypatch):
    """A page of long tables is within its limit too: its figures are told in fewer bytes."""
    whole = report.html("", "", [Section("FID", "", pictures)])
    monkeypatch.setattr(report, "LIMIT", len(whole) - 20_000)
    tight = report.html("", "", [Section("FID", "", pictures)])
    assert len(tight) <= report.LIMIT and tight.count("data:image/webp") == 2 and 'src="figure:' not in tight


def test_nothing_is_fetched(text):
    for outside in ('src="http', 'href="http', "url(", "@import", "<link", "//cdn"):
        assert outside not in text
    assert set(re.findall(r'href="([^"]*)"', text)) == {"#main", "#done", "#s0", "#s1"} and 'id="s1"' in text


def test_only_the_scripts_of_the_page_may_run(text):
    """By a policy that names their hashes, and forbids every request."""
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts == [(report.PAGE / name).read_text(encoding="utf-8") for name in ("page.js", "tables.js")]
    assert text.count("<script") == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    assert policy.startswith("default-src 'none'; ") and set(re.findall(r"'sha256-([^']*)'", policy)) == hashes


def test_what_was_found_comes_first(pictures):
    text = report.html("t", "What was made.", [Section("s", "later")], ["At w = 1 it is 3 % < 4 %.", "Second."])
    found = '<section id="found"><h2>What was found</h2><ul><li>At w = 1 it is 3 % &lt; 4 %.</li><li>Second.</li></ul></section>'
    assert text.index("<main") < text.index(found) < text.index("What was made.") < text.index("later")
    assert '<a href="#found">' in text and "What was found" not in report.html("t", "", [Section("s")])


def test_what_is_read_after_the_first_sentences_is_folded():
    told = [f"Number {i}." for i in range(1, SHOWN + 3)]
    text = report.html("t", "", [Section("s")], told)
    first, rest = text.split("<details><summary>2 more</summary>")
    assert f"Number {SHOWN}." in first and f"Number {SHOWN + 1}." not in first and f"Number {SHOWN + 2}." in rest
    assert "more</summary>" not in report.html("t", "", [Section("s")], told[:SHOWN])


def test_text_is_text(text):
    assert "<title>A study &lt;script&gt;</title>" in text and "Nothing &lt;i&gt;more&lt;/i&gt;" in text
    assert "<p>First.</p><p>Second.</p>" in text and "1 &lt; 2 &amp; 3" in text


def test_tables_are_shown_and_escaped(text):
    assert "<td>0.31 ± 0.02</td>" in text and '<th scope="col">method</th>' in text
    assert '<th scope="row">classifier-free</th>' in text
    for index in (None, pd.Index(["<i>"], name="<u>")):
        bad = report.html("t", "", [Section("t", tables=[("<b>", pd.DataFrame({"<b>": ["<img src=x>"]}, index=index))])])
        assert "&lt;b&gt;" in bad and not any(tag in bad for tag in ("<img", "<b>", "<i>", "<u>"))


def test_figures_and_tables_are_numbered_through_the_report(text):
    captions = re.findall(r"<figcaption[^>]*>([^<]*)</figcaption>", text)
    assert captions == [
        "Figure 1. a caption", "Figure 2. a caption", "Table 1. means &amp; more", "Figure 3. a caption",
        "Table 2.", "Table 3. again",
    ]  # fmt: skip


def test_details_are_folded_and_escaped(text):
    folded = "<details><summary>configuration</summary><pre>{&quot;a&quot;: &quot;&lt;b&gt;&quot;}</pre></details>"
    assert folded in text and text.count("<details>") == 1  # a section without details has no empty fold


def test_notes_stand_below_the_tables(pictures):
    frame = pd.DataFrame({"x": ["the value"]})
    text = report.html("t", "", [Section("s", "above", tables=[("", frame)], notes="<one> run.\n\nMore.", details="folded")])
    notes = text.index("<p>&lt;one&gt; run.</p><p>More.</p>")
    assert text.index("above") < text.index("the value") < notes < text.index("folded")


def test_long_cells_are_whole_and_wrap_and_short_ones_do_not():
    long, short = "word " * 30 + "end", "w" * 60
    table = pd.DataFrame({"text": [long, short, '"' * 60]}, index=pd.Index(["a", "b", "c" * 61], name="key"))
    wrapped = report.html("t", "", [Section("t", tables=[("", table)])])
    assert (
        f'<td class="long">{long}</td>' in wrapped and f"<td>{short}</td>" in wrapped and '<div class="scroll words"' in wrapped
    )
    assert f'<th scope="row" class="long">{"c" * 61}</th>' in wrapped
    assert wrapped.count('class="long"') == 2  # the long index too; 60 quotes are 60 letters, however long they are escaped
    rule = re.search(r"td\.long[^{]*\{([^}]*)\}", wrapped)[1]
    assert "white-space:normal" in rule and "overflow-wrap:anywhere" in rule and "text-align:left" in rule
    plain = report.html("t", "", [Section("t", tables=[("", pd.DataFrame({"x": [1]}))])])
    assert 'class="long"' not in plain and 'class="scroll"' in plain


def test_figures_never_shrink_below_legible(text, pictures):
    inches = pictures[0].figure.get_figwidth()
    assert f'width="{round(100 * inches)}" style="min-width:{round(78 * inches)}px"' in text


def test_metrics_are_told_in_words_with_their_direction_and_the_internal_name_below():
    assert heading("method") == '<th scope="col">method</th>' and heading("a<b") == '<th scope="col">a&lt;b</th>'
    fid = heading("fid_digits")
    assert fid.startswith('<th scope="col" title="fid_digits">Fréchet distance on digits features ')
    assert 'aria-label="lower is better">↓</abbr>' in fid and fid.endswith("<small>fid_digits</small></th>")
    assert "↑" in heading("recall_digits") and "nats" in heading("kl_tilted")
    deviation = heading("fid_digits_sd")
    assert "Fréchet distance on digits features (standard deviation)" in deviation and "↓" not in deviation
    assert "standard deviation between trainings" in heading("sd_trainings") and "best w" in heading("best w")


def test_tags_are_closed(text):
    open_tags = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Balance().feed(text)
    assert open_tags == []


def test_a_picture_without_words_is_refused(pictures):
    with pytest.raises(ValueError, match="no alt text"):
        report.html("t", "", [Section("s", figures=[Picture(pictures[0].figure, "name", " ")])])


def test_writing_is_whole_or_nothing(tmp_path, monkeypatch, text):
    path = report.write(tmp_path / "report.html", text)
    assert path.read_text(encoding="utf-8") == text

    def full_disk(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        report.write(path, "half")
    assert path.read_text(encoding="utf-8") == text and [file.name for file in tmp_path.iterdir()] == ["report.html"]
