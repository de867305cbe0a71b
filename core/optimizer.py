"""Adam (Kingma and Ba 2015), torch's own, in pieces on the CPU.

A step passes over a hash table, its gradient and its two moments, which are far larger than a cache. On the CPU it does
so piece by piece: whoever reads the table rounded gets each piece while it is in the cache, and the pieces are shared
out over the threads of `core.kernels.launch`, for torch's own are off. Adam treats each number for itself, so pieces
change nothing in the result.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.kernels.launch import run_together

_PIECE = 1 << 17
"""Numbers of a parameter that are moved at once: with gradient and moments they take two megabytes, and a tenth of a
millisecond. A multiple of any vector's length, so that the same numbers are computed in vectors as in one piece."""


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

    def gradients(self) -> list[Tensor]:
        """The gradients of all parameters that have one."""
        return [parameter.grad for group in self.param_groups for parameter in _learnt(group)]

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter that has a gradient."""
        groups = [(group, _learnt(group)) for group in self.param_groups]
        learnt = [parameter for _, parameters in groups for parameter in parameters]
        rounded = {}
        if all(map(_can_be_cut, learnt)):
            rounded = {x: torch.empty_like(x, dtype=torch.bfloat16) for x in learnt if x in self._readers}
            run_together([task for group in groups for task in self._tasks(*group, rounded)])
        else:
            self._whole.step()
        # fused Adam writes unnoticed by torch, and fields keep what they made of their tables by version
        torch.autograd.graph.increment_version(learnt)
        for parameter, value in rounded.items():
            self._readers[parameter](value)

    def _tasks(
        self, group: dict[str, Any], parameters: list[nn.Parameter], rounded: dict[nn.Parameter, Tensor]
    ) -> list[Callable[[], None]]:
        """A group's step: one task for each piece of a large parameter, and one for all small parameters."""
        beta1, beta2 = group["betas"]
        names = "lr", "weight_decay", "eps", "amsgrad", "maximize"
        move = partial(_move, settings={name: group[name] for name in names} | {"beta1": beta1, "beta2": beta2})
        tasks, small = [], []
        for parameter in parameters:
            state = self._state_of(parameter)
            state["step"] += 1
            columns = [parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"]]
            if parameter in rounded:
                columns.append(rounded[parameter])
            elif parameter.numel() <= _PIECE:
                small.append((*columns, state["step"]))
                continue
            pieces = zip(*(column.view(-1).split(_PIECE) for column in columns), strict=True)
            tasks += [partial(move, *([x] for x in piece[:4]), [state["step"]], *piece[4:]) for piece in pieces]
        return [*tasks, partial(move, *map(list, zip(*small, strict=True)))] if small else tasks

    def _state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:  # as torch begins
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


def _move(
    values: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    mean_squares: list[Tensor],
    steps: list[Tensor],
    rounded: Tensor | None = None,
    *,
    settings: dict[str, Any],
) -> None:
    torch._fused_adam_(values, gradients, means, mean_squares, [], steps, **settings)
    if rounded is not None:
        rounded.copy_(values[0])


def _learnt(group: dict[str, Any]) -> list[nn.Parameter]:
    return [parameter for parameter in group["params"] if parameter.grad is not None]


def _can_be_cut(parameter: nn.Parameter) -> bool:
    """Whether a parameter and its gradient are float32 numbers side by side in the CPU's memory."""
    return all(
        x.device.type == "cpu" and x.dtype == torch.float32 and x.layout == torch.strided and x.is_contiguous()
        for x in (parameter, parameter.grad)
    )
