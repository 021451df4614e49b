"""Our methods for diffusers: `guider(method, scheduler)` for modular pipelines, `guided_noise_pred` for any other loop.

    pipe.update_components(guider=guider(METHODS["apg"](w=3.0), pipe.scheduler))

w = 0 is the conditional model, so that guidance_scale = 1 + w; windows are of lambda (logsnr_min, logsnr_max), not of the step. A
method's arithmetic is done in its own space, whatever the network predicts: epsilon, sample, v_prediction or a flow's velocity.
"""

from typing import Any

from guidance.integrations.given import GuidedNoisePred, guided_noise_pred, refusal
from guidance.integrations.schedulers import Process, process_at
from guidance.methods.method import Method

__all__ = ["GuidedNoisePred", "Process", "carried", "guided_noise_pred", "guider", "process_at", "refusal"]


def guider(method: Method, scheduler: Any, predicts: str | None = None) -> Any:
    """A guider of diffusers (a BaseGuidance) that guides by `method`.

    scheduler: the pipeline's own, whose timesteps the pipeline sets. predicts: see schedulers.process_at. ValueError, in one
    sentence, for a method that needs more than a conditional and an unconditional prediction of one z; ImportError, with the
    remedy, where diffusers is missing or has no guiders.
    """
    try:
        from guidance.integrations.diffusers_guider import MethodGuider
    except ImportError as error:
        raise ImportError(f"diffusers with guiders is needed ({error}): pip install 'guidance-bench[diffusers]'") from error
    return MethodGuider(method, scheduler, predicts)


def carried() -> list[str]:
    """The names of the methods that can be given to `guider`, with their defaults."""
    from guidance.methods import METHODS

    return [name for name, kind in METHODS.items() if refusal(kind()) is None]
