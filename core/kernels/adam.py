"""Adam's step (Kingma and Ba 2015) on the CPU: one pass over a parameter, its gradient and its two moments.

They are larger than a cache, so a step takes as long as memory does: what reads the parameter rounded has it rounded
on the way. On CUDA torch's own is one pass already.
"""

import math
from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.lanes import LANES_CODE
from core.kernels.launch import launch

_RUN = 1 << 12
"""Numbers that a thread takes one after the other, sixteen at a time."""

_GRAIN = 8
"""Runs that are worth a thread."""

_MOVE = """
    typedef float Loose __attribute__((vector_size(64), aligned(4)));
    typedef unsigned short Halves __attribute__((vector_size(32), aligned(2)));
    auto moved = [=](Row value, Row grad, Row& mean, Row& square) WIDE {
        mean = mean + new_share * (grad - mean);
        square = square - new_square_share * (square - grad * grad);
        return value - pace * mean / (root_of(square) * square_scale + eps);
    };
    auto rounded_bits = [=](Row value) WIDE {  // to the nearest, of two the even one; no number stays none
        const Entries bits = (Entries)value;
        const Entries nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        return value == value ? nearest : (bits >> 16) | 0x40u;
    };
    auto move_all = [&]() WIDE {
        int i = first;
        for (; i + LANES <= last; i += LANES) {
            Row mean = *(Loose*)(means.data + i), square = *(Loose*)(mean_squares.data + i);
            const Row value = moved(*(Loose*)(values.data + i), *(Loose*)(grads.data + i), mean, square);
            *(Loose*)(values.data + i) = value;
            *(Loose*)(means.data + i) = mean;
            *(Loose*)(mean_squares.data + i) = square;
            if (rounded.data)
                *(Halves*)(rounded.data + i) = __builtin_convertvector(rounded_bits(value), Halves);
        }
        for (; i < last; ++i) {
            Row mean = zeros + means.data[i], square = zeros + mean_squares.data[i];
            Row value = moved(zeros + values.data[i], zeros + grads.data[i], mean, square);
            values.data[i] = lane(value, 0);
            means.data[i] = lane(mean, 0);
            mean_squares.data[i] = lane(square, 0);
            if (rounded.data)
                rounded.data[i] = (short)rounded_bits(value)[0];
        }
    };
    move_all();
"""


@wp.func_native(LANES_CODE + _MOVE)
def move_run(
    first: wp.int32,
    last: wp.int32,
    new_share: wp.float32,
    new_square_share: wp.float32,
    pace: wp.float32,
    square_scale: wp.float32,
    eps: wp.float32,
    values: wp.array(dtype=wp.float32),
    grads: wp.array(dtype=wp.float32),
    means: wp.array(dtype=wp.float32),
    mean_squares: wp.array(dtype=wp.float32),
    rounded: wp.array(dtype=wp.int16),
): ...


@wp.kernel
def _move(
    offset: wp.int32,
    run: wp.int32,
    new_share: wp.float32,
    new_square_share: wp.float32,
    pace: wp.float32,
    square_scale: wp.float32,
    eps: wp.float32,
    values: wp.array(dtype=wp.float32),
    grads: wp.array(dtype=wp.float32),
    means: wp.array(dtype=wp.float32),
    mean_squares: wp.array(dtype=wp.float32),
    rounded: wp.array(dtype=wp.int16),
):
    first = (wp.tid() + offset) * run
    last = wp.min(first + run, values.shape[0])
    move_run(
        first, last, new_share, new_square_share, pace, square_scale, eps, values, grads, means, mean_squares, rounded
    )


class AdamSettings(NamedTuple):
    """How far a step goes: the learning rate, how much of the moments stays, and what keeps it from dividing by 0."""

    rate: float
    betas: tuple[float, float]
    eps: float


def adam_step(
    settings: AdamSettings,
    step: int,
    value: Tensor,
    grad: Tensor,
    mean: Tensor,
    mean_square: Tensor,
    rounded: Tensor | None = None,
) -> None:
    """Move a parameter.

    Args:
        step: how many this one is, from 1 on.
        value, mean, mean_square: the parameter and its gradient's moments, updated; float32, of one shape, contiguous,
            on the CPU.
        grad: likewise, only read.
        rounded: bfloat16, overwritten with the moved parameter.
    """
    beta1, beta2 = settings.betas
    pace, square_scale = settings.rate / (1.0 - beta1**step), 1.0 / math.sqrt(1.0 - beta2**step)
    rounded = value.new_empty(0, dtype=torch.int16) if rounded is None else rounded.view(torch.int16)
    tensors = [x.detach().view(-1) for x in (value, grad, mean, mean_square, rounded)]
    inputs = [_RUN, 1.0 - beta1, 1.0 - beta2, pace, square_scale, settings.eps, *tensors]
    launch(_move, (-(-value.numel() // _RUN),), inputs, grain=_GRAIN)
