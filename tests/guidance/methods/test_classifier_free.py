"""The classifier-free methods against the exact mixture, each other and hand-made numbers."""

import pytest
import torch
from four_classes import LABEL, WORLD, eps, points, said

from guidance import METHODS, adapters
from guidance.denoiser import NetworkDenoiser
from guidance.grouped import Grouped
from guidance.objective import drop_two_labels


def test_the_null_score_made_of_the_classes_is_the_null_score():
    made = said("null-from-classes", roles=(WORLD.classifier(),), w=1.7, classes=4)
    torch.testing.assert_close(made, said("classifier-free", w=1.7))
    with pytest.raises(ValueError, match="classes is 3, but the classifier has 4"):
        said("null-from-classes", roles=(WORLD.classifier(),), w=1.7, classes=3)


def test_two_networks_of_the_same_truth_are_one_joint_model():
    torch.testing.assert_close(said("two-networks", roles=(WORLD,), w=0.8), said("classifier-free", w=0.8))
    other = WORLD.widened(0.5)
    expected = 1.8 * eps(LABEL) - 0.8 * eps(None, model=other)
    torch.testing.assert_close(said("two-networks", roles=(other,), w=0.8), expected)


def test_a_negative_condition_takes_the_null_labels_place():
    torch.testing.assert_close(said("negative", w=2.0, other=3), 3 * eps(LABEL) - 2 * eps((LABEL + 3) % 4))


def test_composed_conditions_add_their_pushes():
    null = eps(None)
    expected = eps(LABEL) + 2 * (eps(LABEL) - null) - 2 * 0.25 * (eps((LABEL + 1) % 4) - null)
    torch.testing.assert_close(said("composed", w=2.0, weight=-0.25), expected)


def test_a_negative_class_never_pushes_against_the_class_that_is_asked_for():
    towards = eps(LABEL) - eps(None)
    update = said("perp-neg", w=1.0, weight=3.0) - eps(LABEL)
    along = (update * towards).sum(1) / (towards * towards).sum(1)
    torch.testing.assert_close(along, torch.ones(6, dtype=torch.float64))  # exactly classifier-free guidance's
    across, away = update - towards, eps((LABEL + 1) % 4) - eps(None)
    assert (across.norm(dim=1) > 1e-3).all() and ((across * away).sum(1) < 0).all()


def test_two_conditions_push_to_the_group_and_to_the_class_in_it():
    model = Grouped(WORLD)
    group = eps(4 + LABEL % 2, model=model)
    expected = eps(LABEL) + 2.0 * (eps(LABEL) - group) + 2.0 * 0.25 * (group - eps(None))
    torch.testing.assert_close(said("two-conditions", model=model, w=2.0, coarse=0.25), expected)
    to_the_class = expected - 1.5 * (eps(LABEL) - group)
    torch.testing.assert_close(said("two-conditions", model=model, w=2.0, coarse=0.25, fine=0.25), to_the_class)
    for share in ("coarse", "fine"):
        with pytest.raises(ValueError, match=f"^{share} must be a finite number, not nan"):
            METHODS["two-conditions"](**{share: float("nan")})
    with pytest.raises(ValueError, match="knows no groups"):
        said("two-conditions")


def test_a_group_is_its_classes_weighed_by_what_they_have():
    z, level = points()
    share = WORLD.class_logits(z, level).softmax(-1)
    pair = share[:, [0, 2]] / share[:, [0, 2]].sum(1, keepdim=True)
    each = [eps(torch.full((6,), c)) for c in (0, 2)]
    expected = pair[:, :1] * each[0] + pair[:, 1:] * each[1]
    torch.testing.assert_close(eps(torch.full((6,), 4), model=Grouped(WORLD)), expected)
    with pytest.raises(ValueError, match="the classes are 0 to 5"):
        eps(torch.full((6,), 6), model=Grouped(WORLD))


def test_the_dropout_of_two_conditions_has_the_shares_it_is_given():
    label, uniform = torch.arange(10).repeat(1000), torch.linspace(0, 1, 10001)[:-1][torch.randperm(10000)]
    dropped = drop_two_labels(label, uniform, p_fine=0.05, p_both=0.1, classes=10, groups=3)
    assert (dropped == 13).float().mean().item() == pytest.approx(0.1, abs=2e-3)
    grouped = (dropped >= 10) & (dropped < 13)
    assert grouped.float().mean().item() == pytest.approx(0.05, abs=2e-3)
    assert torch.equal(dropped[grouped], 10 + label[grouped] % 3)
    assert torch.equal(dropped[dropped < 10], label[dropped < 10])
    with pytest.raises(ValueError, match="add up to 1"):
        drop_two_labels(label, uniform, p_fine=0.6, p_both=0.5, classes=10, groups=3)


def test_group_ids_follow_the_classes_and_null_follows_them():
    heard = []

    class Echo(torch.nn.Module):
        def forward(self, z, logsnr, label):
            heard.append(label.tolist())
            return z

    model = NetworkDenoiser(adapters.logsnr(Echo()), 4, groups=2)
    METHODS["two-conditions"](w=1.0)(model)(*points(), LABEL)
    assert heard == [LABEL.tolist(), [4, 5, 4, 5, 4, 5], [6] * 6]
    heard.clear()
    METHODS["negative"](w=1.0)(model)(*points(), LABEL)
    assert heard[1] == ((LABEL + 1) % 4).tolist(), "another class, and not a group"
