"""The guider itself, which needs diffusers: made by guidance.integrations.diffusers.guider."""

import dataclasses
from typing import Any

import torch
from diffusers.guiders.guider_utils import BaseGuidance, GuiderOutput
from torch import Tensor, nn

from guidance.integrations.given import GuidedNoisePred
from guidance.methods import METHODS, Method


class MethodGuider(BaseGuidance):
    """A method as a guider. z is seen by a hook on the denoiser, which every pipeline hands to `prepare_models`.

    Its config holds the method's name and hyper-parameters, so that save_pretrained writes them; the scheduler is not part of it:
    `MethodGuider.from_config(config, scheduler=pipe.scheduler)`.
    """

    _input_predictions = ["pred_cond", "pred_uncond"]

    def __init__(
        self,
        method: Method | str = "classifier-free",
        scheduler: Any = None,
        predicts: str | None = None,
        enabled: bool = True,
        **options: Any,
    ):
        super().__init__(enabled=enabled)
        method = METHODS[method](**options) if isinstance(method, str) else method
        values = {field.name: getattr(method, field.name) for field in dataclasses.fields(method)}
        self.register_to_config(method=method.name, predicts=predicts, enabled=enabled, **values)
        self.guidance = GuidedNoisePred(method, scheduler, predicts)
        self._z: Tensor | None = None
        self._hook: Any = None

    @classmethod
    def from_config(cls, config: Any, scheduler: Any = None, return_unused_kwargs: bool = False, **changes: Any) -> Any:
        """The guider of a config (also as a dictionary), with changes; with an empty dictionary if `return_unused_kwargs`."""
        own = {name: value for name, value in dict(config).items() if not name.startswith("_")}
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}  # JSON has no tuples
        made = cls(**{**values, "scheduler": scheduler, **changes})
        return (made, {}) if return_unused_kwargs else made

    def new(self, **changes: Any) -> "MethodGuider":
        """A copy for the same scheduler, with other hyper-parameters."""
        return type(self).from_config(self.config, **{"scheduler": self.guidance.scheduler, **changes})

    def set_state(self, step: int, num_inference_steps: int, timestep: Any) -> None:
        """As diffusers has it; a first step begins a new trajectory."""
        super().set_state(step, num_inference_steps, timestep)
        if step == 0:
            self.guidance.reset()

    def prepare_models(self, denoiser: nn.Module) -> None:
        """Watches for the z that the denoiser is given."""
        super().prepare_models(denoiser)
        self._hook = denoiser.register_forward_pre_hook(self._watch, with_kwargs=True)

    def cleanup_models(self, denoiser: nn.Module) -> None:
        """Watches no more."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def prepare_inputs(self, data: dict[str, Any]) -> list[Any]:
        """One batch of inputs for each prediction that is needed at this timestep."""
        return [self._prepare_batch(data, i, name) for i, name in enumerate(self._input_predictions[: self.num_conditions])]

    def prepare_inputs_from_block_state(self, data: Any, input_fields: dict[str, Any]) -> list[Any]:
        """As `prepare_inputs`, of the fields of a block's state."""
        names = self._input_predictions[: self.num_conditions]
        return [self._prepare_batch_from_block_state(input_fields, data, i, name) for i, name in enumerate(names)]

    def forward(self, pred_cond: Tensor, pred_uncond: Tensor | None = None, z: Tensor | None = None) -> Any:
        """The guided prediction; z: what the network was given, where no denoiser was handed to `prepare_models`."""
        z = self._z if z is None else z
        if z is None:
            raise ValueError("the guider has seen no z: call prepare_models(denoiser) before the denoiser, or give z")
        guided = self.guidance(pred_cond, pred_uncond, z, self._timestep) if self._enabled else pred_cond
        return GuiderOutput(pred=guided, pred_cond=pred_cond, pred_uncond=pred_uncond)

    @property
    def is_conditional(self) -> bool:
        """Whether the batch at hand is the conditional one."""
        return self._count_prepared == 1

    @property
    def num_conditions(self) -> int:
        """2 where the unconditional prediction is looked at: one evaluation is saved outside the window of lambda."""
        wanted = self._timestep is None or self.guidance.needs_null(self._timestep)
        return 2 if self._enabled and self.guidance.wants_null and wanted else 1

    def _watch(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = args[0] if args else next((kwargs[name] for name in ("sample", "hidden_states", "x") if name in kwargs), None)
        self._z = given.detach() if isinstance(given, torch.Tensor) else None
