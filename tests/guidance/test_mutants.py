"""Wrong methods, each of which must break the law that guards against it."""

import pytest
from mutants import (
    UNDECLARED,
    CountsOnce,
    DoubleStrength,
    Downhill,
    Forgetful,
    HookNeverInstalled,
    Momentum,
    NoiseDrawn,
    NormOverTheBatch,
    NullForNothing,
    OfNoFamily,
    OnTheUnconditional,
    OppositeSign,
    ReducesInItsDocstring,
    RunsAllTheSame,
    ScaledByAlpha,
    ScaleOfOthers,
    ShiftedTwice,
    WeakPulls,
    WithoutSigma,
    WrongClass,
    XForgotten,
)

from guidance import laws

MUTANTS = [
    (ScaleOfOthers, laws.w_zero_is_the_conditional_model),
    (ScaleOfOthers, laws.strength_is_the_declared_one),
    (OppositeSign, laws.strength_is_the_declared_one),
    (OppositeSign, laws.small_w_points_the_right_way),
    (DoubleStrength, laws.strength_is_the_declared_one),
    (DoubleStrength, laws.reduces_to_classifier_free),
    (OnTheUnconditional, laws.small_w_changes_little),
    (OnTheUnconditional, laws.small_w_points_the_right_way),
    (OnTheUnconditional, laws.strength_is_the_declared_one),
    (ScaledByAlpha, laws.strength_is_the_declared_one),
    (ScaledByAlpha, laws.reduces_to_classifier_free),
    (WithoutSigma, laws.strength_is_the_declared_one),
    (WrongClass, laws.strength_is_the_declared_one),
    (WrongClass, laws.small_w_points_the_right_way),
    (Downhill, laws.strength_is_the_declared_one),
    (Downhill, laws.small_w_points_the_right_way),
    (NormOverTheBatch, laws.strength_is_the_declared_one),
    (UNDECLARED["OppositeSign"], laws.small_w_points_the_right_way),
    (UNDECLARED["DoubleStrength"], laws.strength_is_the_declared_one),
    (UNDECLARED["OnTheUnconditional"], laws.small_w_changes_little),
    (UNDECLARED["ScaledByAlpha"], laws.strength_is_the_declared_one),
    (UNDECLARED["WithoutSigma"], laws.strength_is_the_declared_one),
    (UNDECLARED["WrongClass"], laws.small_w_points_the_right_way),
    (UNDECLARED["Downhill"], laws.small_w_points_the_right_way),
    (WeakPulls, laws.small_w_points_the_right_way),
    (ShiftedTwice, laws.strength_is_the_declared_one),
    (Forgetful, laws.it_says_what_it_is),
    (XForgotten, laws.prediction_is_consistent),
    (NormOverTheBatch, laws.sample_ignores_its_batch),
    (Momentum, laws.trajectory_has_no_memory),
    (NullForNothing, laws.counted_cost_is_the_formula),
    (CountsOnce, laws.counted_cost_is_the_formula),
    (NoiseDrawn, laws.trajectory_has_no_memory),
    (HookNeverInstalled, laws.w_zero_is_the_conditional_model),
    (ReducesInItsDocstring, laws.reduces_to_classifier_free),
    (RunsAllTheSame, laws.undefined_samplers_are_refused),
    (OfNoFamily, laws.it_says_what_it_is),
]


@pytest.mark.parametrize(("mutant", "law"), MUTANTS, ids=lambda value: value.__name__)
def test_the_law_kills_the_mutant(mutant, law):
    with pytest.raises(AssertionError) as broken:
        law(mutant)
    assert len(str(broken.value).splitlines()) == 1, "why is one line"
