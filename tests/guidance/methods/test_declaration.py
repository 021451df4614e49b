"""What a method declares: class keywords, or class attributes as before, and one sentence for what has another name now."""

from dataclasses import dataclass

import pytest

from guidance import NFE
from guidance.methods import METHODS, Method
from guidance.methods.method import DECLARED, FORMER
from guidance.recurrence import Recurrent


def test_keywords_become_attributes_of_the_class_and_are_inherited():
    @dataclass(frozen=True)
    class Mine(Method, name="mine", family="correction", nfe_per_call=NFE(denoiser_forward=2)):
        radius: float = 1.0

    @dataclass(frozen=True)
    class Other(Mine, name="other"):
        pass

    assert (Mine.name, Mine.family, Mine().nfe_per_call.denoiser_forward) == ("mine", "correction", 2)
    assert (Other.name, Other.family, Other.roles) == ("other", "correction", ("model",)) and Method.nfe_per_call == NFE(1)
    assert Mine(w=2.0).nfe([0.0, 1.0]) == NFE(denoiser_forward=4)


def test_class_attributes_do_as_well():
    @dataclass(frozen=True)
    class Mine(Method):
        name, family, nfe_per_call = "mine", "correction", NFE(denoiser_forward=2)

    assert Mine(w=1.0).nfe([0.0]) == NFE(denoiser_forward=2) and Mine.name == "mine"


@pytest.mark.parametrize("word", FORMER)
def test_a_former_name_is_refused_with_the_present_one(word):
    with pytest.raises(TypeError, match=f"Mine: '{word}' is called '{FORMER[word]}' now"):
        type("Mine", (Method,), {"name": "mine", word: ()})
    with pytest.raises(TypeError, match=f"Mine declares '{word}': it is called {FORMER[word]} now"):
        type("Mine", (Method,), {}, **{word: ()})
    assert FORMER[word] in DECLARED


def test_a_hyper_parameter_may_have_a_former_name():
    mine = type("Mine", (Method,), {"__annotations__": {"price": float}, "price": 1.0}, name="mine")
    assert dataclass(frozen=True)(mine)(price=3.0).price == 3.0


def test_an_unknown_keyword_is_refused_with_the_known_ones():
    with pytest.raises(TypeError, match=r"Mine declares 'familly': it may declare name, family, roles"):
        type("Mine", (Method,), {}, familly="correction")


def test_a_visit_is_declared_of_recurrent_methods_alone():
    mine = type("Mine", (Recurrent,), {}, name="mine", nfe_per_visit=NFE(denoiser_forward=2))
    assert dataclass(frozen=True)(mine)(recurrences=3).nfe_per_call == NFE(denoiser_forward=6)
    with pytest.raises(TypeError, match="nfe_per_visit"):
        type("Mine", (Method,), {}, nfe_per_visit=NFE())


def test_every_method_declares_its_name_and_family():
    assert all(kind.name == name and isinstance(kind.family, str) for name, kind in METHODS.items())
