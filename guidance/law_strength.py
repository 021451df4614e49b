"""Laws of the size and the sign of guidance, held against exact scores: see guidance.laws.

score~ = grad log p(z|c) + w grad log p(c|z) = grad log p(z) + (1 + w) grad log p(c|z)      of a method with `tilted = True`

A method's score is -eps / sigma, plus the shift of the step's mean per variance of the step that it orders, if it does.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from guidance.denoiser import Branch, Denoiser, Label, branches
from guidance.diffusion import Prediction, add_noise, alpha_sigma
from guidance.gradients import log_prob
from guidance.law_kit import SHAPE, Kit, W, guide, make_kit, require
from guidance.level import at
from guidance.methods.method import Method
from guidance.seeding import generator

EVERY_LAMBDA = (-20.0, -4.0, 0.0, 0.5, 3.0, 8.0, 20.0)  # two less than 1 apart, for methods that keep a difference for a while
TILT_TOLERANCE = 1e-6  # of the update, relative, in float64
ROWS = 48


class Recorder:
    """A Denoiser that keeps the eps of every evaluation that is not the plain conditional one at z."""

    weighted_sum = None  # in place of the model's, which would not pass here

    def __init__(self, denoiser: Denoiser, weak: bool = False):
        self.denoiser, self.weak = denoiser, weak
        self.plain: tuple[Tensor | None, Label] = (None, None)  # z and label of the evaluation that is not kept
        self.eps: list[Tensor] = []

    def __getattr__(self, name: str):
        return getattr(self.denoiser, name)

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        return self.branches(z, logsnr, [label])[0]

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """As of the denoiser that is recorded."""
        preds = branches(self.denoiser, z, logsnr, labels)
        of_plain = z is self.plain[0] and not self.weak
        self.eps += [pred.eps for pred, entry in zip(preds, labels) if not (of_plain and entry is self.plain[1])]
        return preds


def levels_within(method: Method) -> Tensor:
    """Five lambdas inside the method's window, and inside [-5, 5] where that leaves some."""
    low, high = method._window()
    low, high = max(low, min(-5.0, high - 2)), min(high, max(5.0, low + 2))
    return low + (high - low) * (torch.arange(5, dtype=torch.float64) + 0.5) / 5


def states(kit: Kit, levels: Tensor) -> tuple[list[Tensor], Tensor]:
    """z at each level on the conditional model's DDIM path that starts from diffused data, and the labels."""
    label = torch.arange(ROWS) % 3
    x = kit.world.sample(label, generator("law", 2, 0)).view(ROWS, *SHAPE)
    eps = torch.randn(ROWS, *SHAPE, generator=generator("law", 2, 1), dtype=torch.float64)
    z = add_noise(x, eps, at(levels[0].item(), x)).to(torch.float64 if kit.exact else torch.float32)
    path = [z]
    for logsnr, next_logsnr in pairwise(levels.tolist()):
        path.append(stepped(kit.roles["model"](path[-1], at(logsnr, z), label), logsnr, next_logsnr))
    return path, label


def stepped(pred: Prediction, logsnr: float, next_logsnr: float) -> Tensor:
    """The mean of z at the next lambda: DDIM's step, plus the shift of the ancestral sampler's mean (v = 0), if it is ordered."""
    alpha, sigma = alpha_sigma(at(next_logsnr, pred.x), pred.x)
    z = alpha * pred.x + sigma * pred.eps
    variance = -torch.expm1(torch.tensor(logsnr - next_logsnr)).item() * sigma**2
    return z if pred.control.mean_shift is None else z + variance * pred.control.mean_shift


def after(levels: Tensor) -> list[float]:
    """The lambda that a step leads to from each level; the last step is as long as the one before."""
    return [*levels[1:].tolist(), (2 * levels[-1] - levels[-2]).item()]


def steps(method: Method, kit: Kit, levels: Tensor, path: list[Tensor], label: Tensor) -> list[tuple[Tensor, Prediction]]:
    """Where one step of the guided model leads from each state of the path, and its prediction; one closure for all of them.

    Particles are weighed from the start at every level: what is selected at one is not what the next state belongs to.
    """
    alone = "particles" in method.requires_model
    guided, found = guide(method, kit.roles, range(ROWS), levels), []
    for i, (level, next_level) in enumerate(zip(levels.tolist(), after(levels))):
        if alone:
            guided = guide(method, kit.roles, range(ROWS), levels[i : i + 1])
        pred = guided(path[i], at(level, path[i]), label)
        found.append((stepped(pred, level, next_level), pred))
        if pred.control.on_transition is not None:
            pred.control.on_transition(found[-1][0], 1.0)
    return found


@torch.no_grad()
def small_w_changes_little(kind: type[Method]) -> str | None:
    """As w -> 0 the guided step tends to the conditional model's, or the class declares `jumps_at_zero`, and why."""
    kit, levels = make_kit(kind), levels_within(kind(w=1.0))
    path, label = states(kit, levels)
    small, whole, plain = ([z for z, _ in steps(kind(w=w), kit, levels, path, label)] for w in (1e-4, 1.0, 0.0))
    moved, unit = (torch.stack([(a - b).norm() for a, b in zip(one, plain)]) for one in (small, whole))
    if kind.jumps_at_zero is None:
        worst = moved.argmax()
        why = f"lambda {levels[worst]:.3g}: a step of w = 0.0001 differs from the plain model's by {moved[worst]:.3g}"
        require((moved <= 0.02 * unit.norm() + 1e-6).all(), f"{why}, one of w = 1 by {unit[worst]:.3g}")
    return kind.jumps_at_zero


@torch.no_grad()
def small_w_points_the_right_way(kind: type[Method]) -> str | None:
    """At small w a guided step points from the unconditional to the conditional prediction, in the sum over samples.

    The cosine of z' - z'(w = 0), z' the mean of the next state, and D(c) - D(null); of a method that moves z first, what the
    step adds to the exact log p(c | z'). Its sum over lambda is positive, and no term is below minus a tenth of the largest. Of a
    method that jumps at zero the step is compared with that of w / 2. `direction="weak"` points away from what the method
    evaluates beside the conditional prediction (from the kit's weak model, if that is nothing); any other direction is returned.
    """
    if kind.direction not in ("class", "weak"):
        return kind.direction
    kit = make_kit(kind, apart=1 / 8)
    clean = kit.roles["clean"]
    kit.roles["clean"] = lambda x: clean(x).log_softmax(-1)  # an offset of all logits is the density of x, and no class's
    levels = levels_within(kind(w=1.0))
    path, label = states(kit, levels)
    w = 1.0 if "particles" in kind.requires_model else 0.01 if kit.exact else 0.1
    guided = steps(kind(w=w), kit, levels, path, label)
    base = steps(kind(w=w / 2 if kind.jumps_at_zero else 0.0), kit, levels, path, label)
    found = {}
    for level, next_level, z, (new, pred), (old, old_pred) in zip(levels.tolist(), after(levels), path, guided, base):
        if (new - old).norm() <= 1e-9 * old.norm():
            continue
        if pred.control.z is not None or old_pred.control.z is not None:
            gain = log_class(kit, new, next_level, label) - log_class(kit, old, next_level, label)
            found[level] = gain.sum().item() / w
        else:
            found[level] = torch.cosine_similarity((new - old).flatten(), towards(kind, kit, z, level, label).flatten(), 0).item()
    require(bool(found), f"w = {w:g} changes no step at lambda {levels[0]:.3g} to {levels[-1]:.3g}")
    worst = min(found, key=lambda level: found[level])
    right = sum(found.values()) > 0 and found[worst] > -max(map(abs, found.values())) / 10
    to = "D(c) - D(null)" if kind.direction == "class" else "D(c) - D(weak)"
    said = ", ".join(f"{share:.3g} at lambda {level:.3g}" for level, share in found.items())
    require(right, f"w = {w:g} points the wrong way: cosine with {to}, or gain in log p(c|z) where z is moved: {said}")
    return None if kind.direction == "class" else "away from a worse prediction"


def log_class(kit: Kit, z: Tensor, logsnr: float, label: Tensor) -> Tensor:
    """log p(label | z) of the exact world, (b,)."""
    return log_prob(kit.world.class_logits(z, at(logsnr, z)), label)


def towards(kind: type[Method], kit: Kit, z: Tensor, level: float, label: Tensor) -> Tensor:
    """Where the class's update must point, as a difference of x up to a positive factor."""
    logsnr = at(level, z)
    cond = kit.roles["model"](z, logsnr, label)
    if kind.direction == "class":
        return kit.roles["model"](z, logsnr, None).eps - cond.eps
    model, weak = Recorder(kit.roles["model"]), Recorder(kit.roles["weak"], weak=True)
    model.plain = z, label
    guide(kind(w=1.0), {**kit.roles, "model": model, "weak": weak}, range(ROWS), at(level, z)[:1])(z, logsnr, label)
    others = model.eps + weak.eps or [kit.roles["weak"](z, logsnr, label).eps]
    return sum(others) / len(others) - cond.eps


def strength_is_the_declared_one(kind: type[Method]) -> str | None:
    """A `tilted` method has the exact score of the tilted density, of w = 1.5, 0.25 and -1, and one that has it is `tilted`.

    An update that is some other multiple of w grad log p(c|z), the same for all samples of a lambda, is declared as well: by
    `reduces_to_cfg` or by `own_scale`, a reason in words. To 1e-6 of the update in float64, at lambda from -20 to 20.
    """
    kit = make_kit(kind)
    if not kit.exact:
        require(not kind.tilted, "tilted=True is of methods with exact roles: no exact model has layers to perturb")
        return None
    roles = {**kit.roles, "unconditional": kit.world}
    for w in (W, 0.25, -1.0) if kind.tilted else (W,):
        multiples = updates(kind(w=w), roles, kit)
        if kind.tilted:
            for level, (share, off) in zip(EVERY_LAMBDA, multiples):
                why = f"lambda {level:g}, w = {w:g}: the update is {share:.4g} times w grad log p(c|z), not once"
                require(off <= TILT_TOLERANCE, f"{why}, with a relative error of {off:.2g}: mend it, or declare tilted=False")
    if kind.tilted or any(share is None for share, _ in multiples):
        return None
    shares = [share for share, _ in multiples if share is not None]
    exactly = all(off <= TILT_TOLERANCE for _, off in multiples)
    require(not exactly, "the update is exactly w grad log p(c|z) at every lambda: declare tilted=True")
    if all(abs(share) < TILT_TOLERANCE for share in shares) or kind.reduces_to_cfg is not None:
        return None
    said = ", ".join(f"{share:.4g} at lambda {level:g}" for level, share in zip(EVERY_LAMBDA, shares))
    why = f"the update is not w times grad log p(c|z) but {said} times that: own_scale or reduces_to_cfg must say why"
    require(kind.own_scale is not None, why)
    return kind.own_scale


def updates(method: Method, roles: dict, kit: Kit) -> list[tuple[float | None, float]]:
    """At each lambda the update of the score over w grad log p(c|z), None if samples differ in it, and the relative error of 1.

    Both targets are made, the conditional one and that on the unconditional base; the larger error counts. A prediction that
    moves z, or decouples eps, is of no multiple.
    """
    label = torch.arange(ROWS) % 3
    levels = torch.tensor(EVERY_LAMBDA, dtype=torch.float64)
    guided, found = guide(method, roles, range(ROWS), levels), []
    for i, level in enumerate(EVERY_LAMBDA):
        z = 2 * torch.randn(ROWS, *SHAPE, generator=generator("law", 4, i), dtype=torch.float64)
        logsnr = at(level, z)
        leaf = z.clone().requires_grad_()
        densities = kit.world.log_prob(leaf, logsnr, label), log_class(kit, leaf, level, label), kit.world.log_prob(leaf, logsnr)
        cond, tilt, null = (torch.autograd.grad(one.sum(), leaf, retain_graph=True)[0].flatten(1) for one in densities)
        with torch.no_grad():
            pred = guided(z, logsnr, label)
        control = pred.control
        if control.on_transition is not None:
            control.on_transition(z, 1.0)
        score = -pred.eps / alpha_sigma(logsnr, z)[1] + (0 if control.mean_shift is None else control.mean_shift)
        update, wanted = score.flatten(1) - cond, method.w * tilt
        clear = tilt.norm(dim=1) > 1e-3 * tilt.norm(dim=1).max()  # where the class is certain there is nothing to compare
        error = max((update - wanted).norm(), (score.flatten(1) - null - wanted - tilt).norm()) / wanted.norm()
        shares = ((update * wanted).sum(1) / wanted.square().sum(1))[clear]
        off = (update - shares.mean() * wanted)[clear].norm() / wanted[clear].norm()
        single = off <= TILT_TOLERANCE and control.z is None and "decoupled_eps" not in control.requires
        found.append((shares.mean().item() if single or method.tilted else None, error.item()))
    return found
