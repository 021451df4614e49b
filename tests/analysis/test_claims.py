"""What may be said of a table of verdicts, and what a report begins with."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from made import in_the_plane, of_exact_images, of_guides, of_images, of_methods, pictures, results, tidy

from analysis.findings import found
from analysis.findings.words import first_of_each
from analysis.reports import REPORTS
from analysis.results import WorldFacts
from analysis.statistics.claims import SAME, claim, counts
from analysis.statistics.verdicts import VERDICTS


def compared(**numbers):
    words = [VERDICTS[word.replace("_", " ")] for word, number in numbers.items() for _ in range(number)]
    return pd.DataFrame({"verdict": words, "units": 8, "over": "sampling seeds", "hidden": 0.2})


def test_a_claim_has_the_counts_and_says_most_where_more_than_half_are_shown():
    shown = claim(compared(another_w=6, no_effect=1, better=1, worse=1, undecided=2))
    assert "Of 11 methods 6 are shown to be plain guidance with another w, 1 is shown to do nothing" in shown
    assert "2 differ from plain guidance (at equal diversity, where they can be compared, 1 better, 1 worse)" in shown
    assert "2 are undecided (8 sampling seeds" in shown
    assert (
        shown.endswith(": most methods are plain guidance with another w.") and "may differ by 20% of it or more unseen" in shown
    )
    half = compared(another_w=5, no_effect=4, undecided=1)
    assert not counts(half).most and "it is not shown that most methods are" in claim(half), "half is not most, and idle is not w"
    assert (counts(half).methods, counts(half).different, counts(half).undecided, counts(half).units) == (10, 0, 1, 8)


def test_most_are_said_to_differ_where_more_than_half_do():
    assert claim(compared(another_w=4, worse=2, better=3)).endswith(": most methods are not plain guidance with another w.")
    assert "it is not shown that most methods are plain" in claim(compared(another_w=4, worse=1, better=3))


def test_undecided_methods_are_no_evidence():
    assert not counts(compared(another_w=3, undecided=4)).most and counts(compared(another_w=4, undecided=3)).most


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match="no method is compared"):
        counts(compared())
    with pytest.raises(ValueError, match="the worlds a, b"):
        counts(compared(better=2).assign(world=["a", "b"]))
    with pytest.raises(ValueError, match="there is no verdict 'nice'"):
        counts(compared(better=1).assign(verdict="nice"))


def images(fid, other=None, seeds=4, trainings=1, noise=0.01, ws=(0.0, 1.0, 2.0, 4.0), methods=("classifier-free", "other")):
    """Two methods on one or two feature networks: fid(method, w), other(method, w)."""
    rng, rows = np.random.default_rng(0), []
    for training, seed in ((t, s) for t in range(trainings) for s in range(seeds)):
        for method, w in ((m, w) for m in methods for w in ws):
            values = {"fid_digits": fid(method, w), "diversity_digits": 3 - w / 2, "recall_digits": 0.9 - w / 10}
            values |= {"fid_big": other(method, w)} if other else {}
            rows += [
                ("digits", training, method, w, "ddim", 8, seed, 100, name, value + rng.normal(0, noise))
                for name, value in values.items()
            ]
    return results(tidy(rows), [WorldFacts("digits", 10, (1, 8, 8), {}, False, 500)], pictures())


def bowl(method, w):
    return 2.0 + (w - 1) ** 2 + (2.0 if method == "other" else 0.0)


def test_of_one_run_what_was_measured_comes_first():
    first = found(of_images(runs=1))[0]
    assert first.startswith(
        "With classifier-free guidance the Fréchet distance on digits features falls from 0.300 at w = 0 to 0.250 at"
    )
    assert first.endswith("w = 0.1 (n = 1,000, 1 run: no interval).")


def test_with_seeds_a_fall_has_its_interval_and_its_units():
    first = found(images(bowl))[0]
    assert "falls from 3.01 at w = 0 to 1.99 at w = 1" in first
    gap, low, high = map(float, re.search(r"difference (\S+), 95 % interval (\S+) to (\S+) over", first).groups())
    assert low <= gap <= high < 0 and gap == pytest.approx(-1, abs=0.05)
    assert "over 2 sampling seeds; n = 100, 1 training, 4 sampling seeds; w chosen on one half" in first
    assert "over 3 trainings" in found(images(bowl, trainings=3))[0]


def test_a_gap_inside_the_noise_is_called_a_tie():
    flat = found(images(lambda method, w: 2.0 - 0.3 * (w == 1), noise=0.3))
    assert "ties at w = 0" in flat[0] and "would go unseen" in flat[0]
    beside = next(text for text in found(images(lambda method, w: bowl("", w))) if "each method at its own best w" in text)
    assert "equivalent: other" in beside


def test_methods_beside_each_other_are_worse_where_they_are():
    beside = next(text for text in found(images(bowl)) if "each method at its own best w" in text)
    assert "higher: other (2.0" in beside and "95 % interval" in beside and "after Holm over 1 method" in beside


def test_two_feature_networks_that_disagree_are_said_to():
    def against(method, w):
        return 9.0 + (w - 2) ** 2 - (3.0 if method == "other" else 0.0)

    told = next(text for text in found(images(bowl, against)) if text.startswith("The 2 feature networks"))
    assert "disagree about the lowest (digits: classifier-free at w = 1, big: other at w = 2; means" in told
    agreed = next(text for text in found(images(bowl, bowl)) if text.startswith("The 2 feature networks"))
    assert "have the same method lowest" in agreed and "may lie inside the noise" in agreed


def test_many_methods_are_counted_first():
    names = tuple(f"m{i}" for i in range(7))
    first = found(of_methods(worlds=("plane",), methods=("classifier-free", *names)))[0]
    assert first.startswith("Of 7 methods ") and "after Holm over all methods" in first


def test_exact_worlds_and_guides_say_how_far_and_beside_what():
    plane = found(in_the_plane())
    assert "With classifier-free guidance the KL divergence from the tilted density is 1.10 nats (95 % interval" in plane[0]
    assert "exact draws 0.0105" in plane[0]
    both = found(of_exact_images())
    assert "classifier-free (exact) guidance" in both[0] and "Trained networks instead of the exact denoiser" in both[1]
    guides = found(of_guides())
    assert "that is furthest above that of unguided samples is" in guides[0] and "0.250 on unguided samples" in guides[0]


@pytest.mark.parametrize("made", [of_images, partial(of_images, runs=1), in_the_plane, of_exact_images, of_methods, of_guides])
def test_every_sentence_is_one_and_has_a_number(made):
    told = found(made())
    assert told and all(text.endswith(".") and any(sign.isdigit() for sign in text) for text in told)
    assert not any("nan" in text or "inf" in text.replace("interval", "") for text in told)


def test_a_study_without_numbers_says_so_and_order_changes_nothing():
    facts = WorldFacts("moons", 3, (2,), {}, True)
    assert found(results(pd.DataFrame(), [facts], None)) == ["Nothing that was sampled could be measured."]
    made = images(bowl)
    shuffled = made.table.sort_values("seed", ascending=False, kind="stable")  # methods stay in the study's order
    assert found(replace(made, table=shuffled)) == found(made)


def test_a_method_on_another_network_is_not_called_plain_guidance_with_another_w():
    """Words in brackets are of another network, but where w = 0 is that of plain guidance: then only the weak one differs."""

    def told(*names, at_zero=0.0):
        made = of_methods(worlds=("plane",), methods=("classifier-free", *names), seeds=range(8))
        table = made.table[made.table["method"] == "classifier-free"]
        values = table["value"] + at_zero * (table["w"] == 0)
        return found(replace(made, table=pd.concat([table, *(table.assign(method=name, value=values) for name in names)])))

    def verdicts_in(texts):
        return [text.split(" (")[0] if text.startswith("Of ") else text for text in texts if "another w" in text or SAME in text]

    (away,) = verdicts_in(told("apg (small)", at_zero=1.0))
    assert f"apg (small): {SAME}; " in away and "another w" not in away
    (here,) = verdicts_in(told("apg (small)"))
    assert "apg (small): plain guidance with another w; " in here
    many = verdicts_in(told(*(f"m{k} (small)" for k in range(6)), at_zero=1.0))
    assert many == [f"Of 6 methods on other networks 6 are shown to be {SAME}"]
    both = told("apg", "apg (small)", at_zero=1.0)
    assert [SAME in text for text in both if text.startswith("Beside")] == [False, True], "each of its own kind"


def test_counts_of_methods_on_other_networks_are_told_in_their_words():
    told = claim(compared(another_w=6, no_effect=2, better=1), elsewhere=True)
    assert told.startswith(
        f"Of 9 methods on other networks 6 are shown to be {SAME}, 2 are shown to be {SAME} at w = 0, 1 differs"
    )
    assert told.endswith(f": most methods are {SAME}.") and "another w" not in told


def test_without_guidance_the_network_is_told_where_it_is_another():
    def told(lowest, zero):
        """On digits features the method of `lowest` is best at w = 0, on those of big plain guidance."""

        def of(favoured):
            return lambda method, w: 2.0 + w - (method == favoured) * (zero if w == 0 else 0.0)

        made = images(of(lowest), of("classifier-free"), methods=("classifier-free", "other (small)"), noise=0.0)
        return next(text for text in found(made) if text.startswith("The 2 feature networks"))

    apart = told("other (small)", 0.5)
    assert "disagree about the lowest (digits: w = 0, no guidance (small), big: w = 0, no guidance;" in apart
    assert "have the same method lowest (digits: w = 0, no guidance, big: w = 0, no guidance;" in told("classifier-free", 0.0)


def test_a_method_on_another_network_is_lent_no_w_0():
    def rising(method, w):
        return 2.0 + w

    bare = images(rising, rising, methods=("classifier-free", "other (small)"), noise=0.001)
    bare = replace(bare, table=bare.table[(bare.table["w"] != 0) | (bare.table["method"] == "classifier-free")])
    beside = next(text for text in found(bare) if "each method at its own best w" in text)
    assert "at w = 0, as it" not in beside and "higher: other (small) (" in beside
    chosen = (bare.table["method"] == "classifier-free") & (
        bare.table["w"] == 4
    )  # best on the seeds that choose, worst on others
    moved = bare.table["value"].where(~chosen, 9.0 - 9.0 * (bare.table["seed"] % 2))
    told = next(text for text in found(replace(bare, table=bare.table.assign(value=moved))) if "feature networks" in text)
    assert "digits: other (small) at w = 1" in told and "no guidance" not in told


def test_the_first_sentences_tell_of_all_groups():
    groups = [[f"{name}{i}" for i in range(4)] for name in "ab"]
    assert first_of_each(groups) == ["a0", "a1", "a2", "b0", "b1", "b2", "a3", "b3"] and first_of_each([]) == []
    many = [[f"{name}{i}" for i in range(2)] for name in "abcdefgh"]
    assert first_of_each(many)[:8] == [f"{name}0" for name in "abcdefgh"]


@pytest.mark.slow
def test_a_report_and_its_text_begin_with_what_was_found():
    made = of_guides()
    report = REPORTS["guides"](made)
    assert list(report.found) == found(made) and report.summary_text.startswith("\n".join(found(made)) + "\n\n")


def test_what_cannot_be_told_does_not_lose_the_report(monkeypatch):
    from analysis.reports import common

    monkeypatch.setattr(common, "found", lambda results: 1 / 0)
    assert common.told(of_guides()) == ["What was found cannot be told: ZeroDivisionError: division by zero"]


def test_where_no_guidance_is_best_methods_are_not_called_ties():
    made = images(lambda method, w: 2.0 + w)
    made = replace(made, table=made.table[(made.table["method"] != "other") | (made.table["w"] != 0)])  # of one plain model
    beside = next(text for text in found(made) if "each method at its own best w" in text)
    assert "best without guidance, at w = 0, as it: other" in beside and "equivalent" not in beside.partition(";")[0]
    assert "Holm" not in beside, "no method is tested"
