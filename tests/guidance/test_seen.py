"""The effective scale from what methods ask for themselves: the numbers of a second pass, and not a sample or a call changed."""

import copy
import pickle

import pytest
import torch

from guidance import METHODS, SAMPLERS, Clipped, count, sample
from guidance.denoiser import NetworkDenoiser, branches
from guidance.diffusion import alpha_sigma
from guidance.effective import EffectiveWeight
from guidance.law_kit import LAW_LOGSNRS, SEED, SHAPE, Kit, W, guide, make_kit, network, samplers_of
from guidance.level import level_of
from guidance.seen import Seen

N, FEW = 9, 4
LEVELS = LAW_LOGSNRS.tolist()
ALONE = [name for name, kind in METHODS.items() if "particles" not in kind.requires_model]
ON_NETWORKS = [name for name in ALONE if set(METHODS[name].roles) <= {"model", "levels", "noise"}]


class SecondPass:
    """The definition: the model asked again, with and without the label, at the z of every prediction."""

    def __init__(self, guided, model):
        self.guided, self.model, self.dots = guided, model, []
        self.x = EffectiveWeight(guided, model, LEVELS)._x

    def __call__(self, z, logsnr, label):
        pred = self.guided(z, logsnr, label)
        at = z if pred.control.z is None else pred.control.z
        cond, null = branches(self.model, at, logsnr, [label, None])
        alpha, _ = alpha_sigma(logsnr, at)
        update, way = ((alpha * (x - null.x)).double() for x in (self.x(pred, at, logsnr), cond.x))
        pairs = ((update, way), (way, way), (update, update))
        self.dots.append((level_of(logsnr), *((a * b).sum().item() for a, b in pairs)))
        return pred


def kit_of(name: str, on_network: bool = False) -> Kit:
    kit = make_kit(METHODS[name])
    if on_network and "groups" not in METHODS[name].requires_model:
        needs = METHODS[name].requires_model
        model = network("strength" in needs, 2 * ("internal" in needs))
        kit = Kit(kit.world, {**kit.roles, "model": model}, model.network, kit.classifiers, kit.weak)
    return kit


def drawn(name: str, kit: Kit, n: int, watch=None, w: float = W) -> tuple[torch.Tensor, object, float]:
    """Samples, what `watch` made of the guided denoiser, and the rows through the model."""
    method, roles = METHODS[name](w=w), dict(kit.roles)
    if watch is EffectiveWeight:
        roles["model"] = Seen(kit.roles["model"], FEW)
    guided = guide(method, roles, range(n))
    watching = guided if watch is None else watch(guided, roles["model"], *([LEVELS] if watch is EffectiveWeight else []))
    names = samplers_of(METHODS[name])
    sampler = SAMPLERS["ddim" if "ddim" in names else names[0]]()
    with count(kit.denoiser) as nfe:
        x = sample(Clipped(watching, -2.0, 2.0), sampler, LAW_LOGSNRS, torch.arange(n) % 3, SHAPE, SEED, range(n))
    return x, watching, nfe.denoiser_forward


@pytest.mark.parametrize(("name", "on_network"), [(n, False) for n in ALONE] + [(n, True) for n in ON_NETWORKS])
def test_it_is_what_a_second_pass_over_the_same_samples_says_and_changes_nothing(name, on_network):
    kit = kit_of(name, on_network)
    plain, _, calls = drawn(name, kit, N)
    x, watched, same_calls = drawn(name, kit, N, EffectiveWeight)
    assert torch.equal(x, plain) and same_calls == calls
    _, second, _ = drawn(name, kit, FEW, SecondPass)
    assert [call.logsnr for call in watched.calls] == [dot[0] for dot in second.dots]
    largest = max(size for _, _, size, _ in second.dots)
    for found, (_, *wanted) in zip(watched.dots, second.dots):
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5 * largest)
    assert watched.overall()[0] is not None


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(ALONE)))
def test_of_samples_that_interact_it_is_that_of_the_first_among_all(name):
    kit = make_kit(METHODS[name])
    (plain, _, _), (x, watched, _) = drawn(name, kit, N), drawn(name, kit, N, EffectiveWeight)
    assert torch.equal(x, plain) and all(len(call.z) == FEW for call in watched.calls)
    roles = {**kit.roles, "model": Seen(kit.roles["model"])}
    everyone = EffectiveWeight(guide(METHODS[name](w=W), roles, range(N)), roles["model"], LEVELS)
    names = samplers_of(METHODS[name])
    sampler = SAMPLERS["ddim" if "ddim" in names else names[0]]()
    sample(Clipped(everyone, -2.0, 2.0), sampler, LAW_LOGSNRS, torch.arange(N) % 3, SHAPE, SEED)
    for few, every in zip(watched.calls, everyone.calls):
        assert torch.equal(few.z, every.z[:FEW]) and torch.equal(few.x, every.x[:FEW])


@pytest.mark.parametrize(
    ("name", "asked_again"),
    [  # of the conditional and the unconditional prediction at every one of four levels
        ("classifier-free", 0),
        ("apg", 0),
        ("cfg++", 0),
        ("self-recurrence", 0),
        ("z-sampling", 0),
        ("classifier", 4),
        ("autoguidance", 4),
        ("pag", 4),
        ("pcg", 4),
        ("cads", 4),
        ("icg", 4),
    ],
)
def test_only_what_the_method_did_not_ask_for_is_asked_again_and_not_while_it_samples(name, asked_again):
    kit = make_kit(METHODS[name])
    _, watched, _ = drawn(name, kit, N, EffectiveWeight)
    with count(kit.denoiser) as nfe:
        watched.overall()
    assert nfe.denoiser_forward == asked_again * FEW


def test_a_model_with_a_sum_of_its_own_keeps_it_and_is_asked_again():
    class Own:
        def __init__(self, model):
            self.model, self.sums = model, 0

        def __call__(self, z, logsnr, label):
            return self.model(z, logsnr, label)

        def weighted_sum(self, z, logsnr, labels, weights):
            self.sums += 1
            first, second = (self(z, logsnr, entry) for entry in labels)
            return first._replace(x=weights[0] * first.x + weights[1] * second.x, eps=first.eps)

    kit = make_kit(METHODS["classifier-free"])
    own = Own(kit.roles["model"])
    kit = Kit(kit.world, {**kit.roles, "model": own}, kit.denoiser, kit.classifiers, kit.weak)
    _, watched, _ = drawn("classifier-free", kit, N, EffectiveWeight)
    assert own.sums == 4 and watched.overall()[0] == pytest.approx(1 + W, rel=1e-4)


def test_a_seen_model_may_be_copied():
    seen = Seen(network(), FEW)
    for copied in (copy.copy(seen), copy.deepcopy(seen), pickle.loads(pickle.dumps(seen))):
        assert copied.rows == FEW and copied.num_classes == seen.num_classes


def test_a_sum_of_a_denoiser_of_ones_own_is_its_own():
    class Own(NetworkDenoiser):
        def weighted_sum(self, z, logsnr, labels, weights):
            return super().weighted_sum(z, logsnr, labels, weights)._replace(x=torch.zeros_like(z))

    own, z = Own(network().network, 3), torch.ones(2, *SHAPE)
    assert not Seen(own).weighted_sum(z, torch.zeros(2), [torch.arange(2), None], [2.0, -1.0]).x.any()
