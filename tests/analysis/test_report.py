"""The report opens offline, shows every figure and table, and lets no text become markup."""

import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from synthetic import study

from analysis import figures, report
from analysis.report import Picture, Section
from analysis.style import png
from analysis.table import summarise


@pytest.fixture(scope="module")
def pictures():
    summary = summarise(study(runs=1))
    return [
        Picture(figures.metric_against_w(summary, metric, sampler="ancestral", steps=32), f"{metric} against w", "a caption")
        for metric in ("fid_digits", "is_digits")
    ]


@pytest.fixture(scope="module")
def text(pictures):
    table = pd.DataFrame({"fid": ["0.31 ± 0.02"]}, index=pd.Index(["classifier-free"], name="method"))
    sections = [Section("FID", "First.\n\nSecond.", pictures, table), Section("Nothing <i>more</i>", "1 < 2 & 3")]
    return report.html("A study <script>", "An intro.", sections, "made by hand")


def test_every_figure_is_inside(text, pictures):
    inside = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', text)]
    assert inside == [png(picture.figure) for picture in pictures]
    assert text.count('alt="fid_digits against w"') == 1 and text.count("<figcaption>a caption") == 2


def test_nothing_is_fetched(text):
    for outside in ('src="http', 'href="http', "url(", "@import", "<script", "<link", "//cdn"):
        assert outside not in text
    assert set(re.findall(r'href="([^"]*)"', text)) == {"#s0", "#s1"} and 'id="s1"' in text


def test_text_is_text(text):
    assert "<title>A study &lt;script&gt;</title>" in text and "Nothing &lt;i&gt;more&lt;/i&gt;" in text
    assert "<p>First.</p><p>Second.</p>" in text and "1 &lt; 2 &amp; 3" in text


def test_tables_are_shown_and_escaped(text):
    assert "<td>0.31 ± 0.02</td>" in text and "<th>method</th>" in text and "<td>classifier-free</td>" in text
    for index in (None, pd.Index(["<i>"], name="<u>")):
        bad = report.html("t", "", [Section("t", table=pd.DataFrame({"<b>": ["<img src=x>"]}, index=index))])
        assert "&lt;b&gt;" in bad and not any(tag in bad for tag in ("<img", "<b>", "<i>", "<u>"))


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
        report.html("t", "", [Section("s", figures=[Picture(pictures[0].figure, " ")])])


def test_writing_is_whole_or_nothing(tmp_path, monkeypatch, text):
    path = report.write(tmp_path / "report.html", text)
    assert path.read_text(encoding="utf-8") == text

    def full_disk(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        report.write(path, "half")
    assert path.read_text(encoding="utf-8") == text and [file.name for file in tmp_path.iterdir()] == ["report.html"]
