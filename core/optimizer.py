"""Adam (Kingma and Ba 2015) as torch has it; on the CPU in one pass over each large parameter, on all threads.

torch's own threads are off, see `core.kernels.launch`, and its step over a hash table takes twice as long.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core.kernels.adam import AdamSettings, adam_step
from core.kernels.launch import lanes_on, run_together

_LARGE = 1 << 16
"""Numbers of a parameter that are worth a launch; torch moves many small parameters in less time than one launch."""


class Adam:
    """An optimiser whose state is that of `torch.optim.Adam`.

    Args:
        groups: dicts with "params", and with what else a group is to have.
        learning_rate: of all groups, until their "lr" is set.
        rounded_readers: of parameters that somebody reads in bfloat16; called with the rounded parameter, a new tensor
            of its shape, after a step that made it on the way. Where a step doesn't (on CUDA), nobody is called.

    Attributes:
        param_groups: torch's; "lr" of each is what the next step takes.
        state: torch's, by parameter: "step", "exp_avg", "exp_avg_sq"; empty before a parameter's first step.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        learning_rate: float,
        rounded_readers: dict[nn.Parameter, Callable[[Tensor], None]] | None = None,
    ):
        self._whole = torch.optim.Adam(groups, lr=learning_rate, betas=(0.9, 0.99), eps=1e-15, fused=True)
        self.param_groups, self.state = self._whole.param_groups, self._whole.state
        self._readers = rounded_readers or {}

    def drop_gradients(self) -> None:
        """Let the next backward pass begin without gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def gradient_sums(self) -> list[Tensor]:
        """Sums (scalars) over all gradients there are, in parts: one isn't finite if a number in it isn't."""
        sums = []
        for grad in (parameter.grad for group in self.param_groups for parameter in _learnt(group)):
            n_parts = lanes_on(grad.device) if grad.numel() >= _LARGE else 1
            sums += run_together([part.sum for part in grad.flatten().chunk(n_parts)])
        return sums

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter that has a gradient."""
        groups = [(group, _learnt(group)) for group in self.param_groups]
        learnt = [parameter for _, parameters in groups for parameter in parameters]
        rounded = {}
        if all(map(_is_plain, learnt)):
            rounded = {x: torch.empty_like(x, dtype=torch.bfloat16) for x in learnt if x in self._readers}
            for group, parameters in groups:
                self._move(group, parameters, rounded)
        else:
            self._whole.step()
        # both write unnoticed by torch, and fields keep what they made of their tables by version
        torch.autograd.graph.increment_version(learnt)
        for parameter, value in rounded.items():
            self._readers[parameter](value)

    def _move(self, group: dict[str, Any], parameters: list[nn.Parameter], rounded: dict[nn.Parameter, Tensor]) -> None:
        """A group's step: a kernel for each large parameter, and one call for all small ones."""
        states = [self._state_of(parameter) for parameter in parameters]
        if parameters:
            torch._foreach_add_([state["step"] for state in states], 1)
        settings, small = AdamSettings(group["lr"], group["betas"], group["eps"]), []
        for parameter, state in zip(parameters, states, strict=True):
            columns = parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"]
            if parameter in rounded or parameter.numel() >= _LARGE:
                adam_step(settings, int(state["step"]), *columns, rounded.get(parameter))
            else:
                small.append((*columns, state["step"]))
        if small:
            *columns, steps = map(list, zip(*small, strict=True))
            beta1, beta2 = group["betas"]
            names = "lr", "weight_decay", "eps", "amsgrad", "maximize"
            chosen = {name: group[name] for name in names}
            torch._fused_adam_(*columns, [], steps, beta1=beta1, beta2=beta2, **chosen)

    def _state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:  # as torch begins
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


def _learnt(group: dict[str, Any]) -> list[nn.Parameter]:
    return [parameter for parameter in group["params"] if parameter.grad is not None]


def _is_plain(parameter: nn.Parameter) -> bool:
    """Whether a parameter and its gradient are float32 numbers side by side in the CPU's memory."""
    return all(
        x.is_cpu and x.dtype is torch.float32 and x.layout is torch.strided and x.is_contiguous()
        for x in (parameter, parameter.grad)
    )
