"""torch's Adam (Kingma and Ba 2015), split over our threads on the CPU.

A step passes over a hash table, its gradient and its two moments. On the CPU each thread of the pool takes a piece of
them, since torch's own threads are off, and also rounds the piece to bfloat16 for those who read the table so. Adam is
elementwise, so the pieces don't change the result.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from core.kernels.runtime.launch import lanes_on, run_together

_WORTH_A_THREAD = 1 << 16
"""Numbers of a parameter that are worth a thread of their own: a tenth of a millisecond."""

_OPTIONS = {"betas": (0.9, 0.99), "eps": 1e-15, "weight_decay": 0.0, "amsgrad": False, "maximize": False, "fused": True}
"""Of all groups, as torch's Adam names them."""

_VECTOR = 64
"""Pieces are multiples of this, which every SIMD width divides: the same numbers share vectors as in one piece."""


class Adam:
    """An optimiser whose state is that of `torch.optim.Adam`.

    Args:
        groups: dicts with "params" and "factor", see `set_rate`, and any other options of torch's Adam.
        learning_rate: of all groups, until `set_rate` is called.
        rounded_readers: callbacks of parameters that are read in bfloat16 too. After a step on the CPU each is called
            with the rounded parameter, a new tensor of its shape; on CUDA they aren't called.

    Attributes:
        param_groups: as torch's; the next step uses the "lr" of each.
        state: as torch's, by parameter: "step", "exp_avg", "exp_avg_sq"; empty before a parameter's first step.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        learning_rate: float,
        rounded_readers: dict[nn.Parameter, Callable[[Tensor], None]] | None = None,
    ):
        given = {"lr": learning_rate, **_OPTIONS}
        self.param_groups = [{**given, **group, "params": list(group["params"])} for group in groups]
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        self._readers = rounded_readers or {}

    def tensors(self, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
        """The state of parameters with names, as NAME.KEY, with their gradients as NAME.grad; neither before there is
        one."""
        states = {name: self.state[x] | ({} if x.grad is None else {"grad": x.grad}) for name, x in parameters.items()}
        return {f"{name}.{key}": x for name, state in states.items() for key, x in state.items()}

    def load(self, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
        """Take the state that `tensors` gave; tensors on the parameters' device become the optimiser's own."""
        for name, parameter in parameters.items():
            state = {key.removeprefix(f"{name}."): x for key, x in tensors.items() if key.startswith(f"{name}.")}
            state = {key: x.to(parameter.device) for key, x in state.items()}
            parameter.grad = state.pop("grad", None)
            self.state[parameter] = state

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next steps; each group multiplies it by its "factor"."""
        for group in self.param_groups:
            group["lr"] = rate * group["factor"]

    def drop_gradients(self) -> None:
        """Discard all gradients before the next backward pass."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def gradient_sums(self) -> list[Tensor]:
        """Sums (scalars) over pieces of all gradients; a sum isn't finite if a number in its piece isn't."""
        grads = [grad for group in self.param_groups for x in group["params"] if (grad := x.grad) is not None]
        parts = [part for grad in grads for part in split_for_threads(grad.contiguous())]
        return run_together([part.sum for part in parts]) if len(parts) > len(grads) else [x.sum() for x in parts]

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter that has a gradient."""
        groups = [(group, _with_gradients(group)) for group in self.param_groups]
        learnt = [parameter for _, parameters in groups for parameter in parameters]
        rounded = {}
        if all(map(_can_split, learnt)):
            rounded = {x: torch.empty_like(x, dtype=torch.bfloat16) for x in learnt if x in self._readers}
            run_together([task for group in groups for task in self._tasks(*group, rounded)])
        else:
            for parameter in learnt:
                self._state_of(parameter)
            self._whole.step()
        # fused Adam doesn't bump versions, by which fields cache what they derive from their tables
        torch.autograd.graph.increment_version(learnt)
        for parameter, value in rounded.items():
            self._readers[parameter](value)

    @cached_property
    def _whole(self) -> torch.optim.Adam:
        """torch's own, on the same parameters and state. Making one takes a second, in which torch imports its
        compiler."""
        whole = torch.optim.Adam(self.param_groups)
        whole.state = self.state
        return whole

    def _tasks(
        self, group: dict[str, Any], parameters: list[nn.Parameter], rounded: dict[nn.Parameter, Tensor]
    ) -> list[Callable[[], None]]:
        """A group's step: a task for each piece of a large parameter, and one for all small parameters."""
        states = [self._state_of(parameter) for parameter in parameters]
        if parameters:
            torch._foreach_add_([state["step"] for state in states], 1)  # pyright: ignore[reportPrivateImportUsage] - as torch.optim
        beta1, beta2 = group["betas"]
        names = "lr", "weight_decay", "eps", "amsgrad", "maximize"
        move = partial(_move, settings={name: group[name] for name in names} | {"beta1": beta1, "beta2": beta2})
        tasks, small = [], []
        for parameter, state in zip(parameters, states, strict=True):
            columns = [parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"]]
            if parameter in rounded:
                columns.append(rounded[parameter])
            elif parameter.numel() < 2 * _WORTH_A_THREAD:
                small.append((*columns, state["step"]))
                continue
            pieces = zip(*map(split_for_threads, columns), strict=True)
            tasks += [partial(move, *([x] for x in piece[:4]), [state["step"]], *piece[4:]) for piece in pieces]
        return [*tasks, partial(move, *map(list, zip(*small, strict=True)))] if small else tasks

    def _state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:  # as torch initialises it; all at once, for memory may run out
            step = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state |= {"step": step, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
        return state


def split_for_threads(x: Tensor) -> tuple[Tensor, ...]:
    """Flat views (n,) of a contiguous tensor: one piece per thread where that is worth it, else one for all."""
    n_pieces = max(1, min(lanes_on(x.device), x.numel() // _WORTH_A_THREAD))
    return x.view(-1).split(max(1, -(-x.numel() // (n_pieces * _VECTOR)) * _VECTOR))


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
    args = values, gradients, means, mean_squares, [], steps
    torch._fused_adam_(*args, **settings)  # pyright: ignore[reportPrivateImportUsage] - as torch.optim
    if rounded is not None:
        rounded.copy_(values[0])


def _with_gradients(group: dict[str, Any]) -> list[nn.Parameter]:
    return [parameter for parameter in group["params"] if parameter.grad is not None]


def _can_split(parameter: nn.Parameter) -> bool:
    """Whether a parameter and its gradient are contiguous float32 tensors on the CPU."""
    return all(
        x is not None and x.is_cpu and x.dtype is torch.float32 and x.layout is torch.strided and x.is_contiguous()
        for x in (parameter, parameter.grad)
    )
