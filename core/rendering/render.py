"""From rays to pixels: the one path that training, the view, evaluation, screenshots and the grid's tests share."""

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import NamedTuple, TypeVar, overload

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.fields.along_rays import AlongRays, shade
from core.fields.base import Field
from core.fields.own import as_field
from core.geometry.cameras import Camera
from core.geometry.panorama import Panorama
from core.geometry.rays import Rays, RenderOutput
from core.kernels.camera_rays import generate_rays
from core.kernels.marching import midpoints
from core.kernels.packed import color_loss, composite
from core.kernels.runtime.gpu_memory import fitting_of
from core.kernels.runtime.launch import lanes_on, run_together
from core.samplers.base import LearningSampler, Sampled, Sampler

_SMALLEST_ROUND, _LARGEST_ROUND = {"cpu": 2, "cuda": 8}, 64
"""Limits of the samples that a ray takes in its first round: small rounds evaluate less behind surfaces, large ones
save launches."""

_FIRST_ROUND = {"cpu": 1 << 14, "cuda": 1 << 20}
"""Samples of all rays in the first round, within those limits: a few rays march far at once, many stop early."""

_WORTH_A_THREAD = 1 << 12
"""Rays of a picture that are worth a thread of their own and its launches."""

_IMAGE_CHUNK = {"cpu": 1 << 15, "cuda": 1 << 17}
"""Rays of a picture that are rendered at a time, at most; on CUDA fewer where these don't fit in its memory."""


T = TypeVar("T")


class Traced(NamedTuple):
    """Rendered rays and their samples.

    Attributes:
        output: the pixels.
        sampled: the sampler's samples.
        weights: (n_samples,) float32, the samples' shares in the pixels.
        loss: a scalar, if `targets` were given, see `core.kernels.packed.color_loss`.
    """

    output: RenderOutput
    sampled: Sampled
    weights: Tensor
    loss: Tensor | None = None


def render_rays(
    field: Field | AlongRays,
    sampler: Sampler,
    rays: Rays,
    march: MarchSettings,
    background: Tensor,
    generator: torch.Generator | None = None,
    round_size: int | None = None,
) -> RenderOutput:
    """The pixels that `trace_rays` renders."""
    return trace_rays(field, sampler, rays, march, background, generator, round_size).output


def trace_rays(
    field: Field | AlongRays,
    sampler: Sampler,
    rays: Rays,
    march: MarchSettings,
    background: Tensor,
    generator: torch.Generator | None = None,
    round_size: int | None = None,
    targets: Tensor | None = None,
    entropy: float = 0.0,
) -> Traced:
    """Render rays; differentiable in the parameters of field and sampler where torch's gradient mode is on.

    Args:
        field: or nerfacc's functions, as `AlongRays`, or any object with `density` and `color`, see `as_field`.
        background: (3,) or (n_rays, 3) float32, the colour behind the scene.
        generator: jitters the samples; None places them deterministically.
        round_size: samples a ray takes in the first round; the picture doesn't depend on it. None: see
            `first_round_size`.
        targets: (n_rays, 3) float32, colours that the pixels should have. The loss is then differentiable in the
            field's parameters, and all else only where the sampler learns from it.
        entropy: how much the entropy of the weights counts in the loss.
    """
    if round_size is None:
        round_size = first_round_size(rays.rays_o.shape[0], rays.rays_o.device)
    field = field if isinstance(field, AlongRays) else as_field(field)
    sampled = sampler.sample(field, rays, march, generator, round_size)
    samples = sampled.samples
    loss = None
    learns = isinstance(sampler, LearningSampler)  # from pixels, and what they are made of, with gradient
    if targets is not None and sampled.weights is None and not learns and not isinstance(field, AlongRays):
        positions, directions = midpoints(rays, samples)
        loss, pixels = field.pixel_loss(positions, directions, samples, background, targets, entropy)
    else:
        known = None if torch.is_grad_enabled() else sampled.known  # the march evaluates densities without gradient
        rgbs, sigmas, weights = shade(field, rays, samples, known)
        if sampled.weights is not None:
            weights = sampled.weights
        spans = samples.t_starts, samples.t_ends, samples.packed_info
        pixels = composite(sigmas, rgbs, *spans, background, weights)
        if targets is not None:
            loss = color_loss(pixels.colors, targets, pixels.weights, entropy)
    weights, colors, opacities, depths, medians = pixels
    if sampled.medians is not None:
        medians = sampled.medians
    trans = 1.0 - opacities.detach() if sampled.trans is None else sampled.trans
    counts = sampled.n_dense, sampled.n_marched, samples.packed_info[:, 1]
    output = RenderOutput(colors, opacities, depths, medians, trans, *counts, sampled.stopped)
    return Traced(output, sampled, weights, loss)


def image_chunk(device: torch.device) -> int:
    """Rays of a picture that `render_image` renders at a time by default."""
    return _IMAGE_CHUNK[device.type]


def first_round_size(n_rays: int, device: torch.device) -> int:
    """Samples that each ray takes in the first round by default.

    The size of rounds determines how far past an early stop a ray marches: pictures rendered in slices of various sizes
    evaluate the same samples only if all slices get the same size.
    """
    return min(_LARGEST_ROUND, max(_SMALLEST_ROUND[device.type], _FIRST_ROUND[device.type] // max(1, n_rays)))


@overload
def render_image(
    field: Field,
    sampler: Sampler,
    camera: Camera | Panorama,
    march: MarchSettings,
    background: Tensor,
    cancelled: None = None,
    chunk: int | None = None,
) -> RenderOutput: ...


@overload
def render_image(
    field: Field,
    sampler: Sampler,
    camera: Camera | Panorama,
    march: MarchSettings,
    background: Tensor,
    cancelled: Callable[[], bool] | None,
    chunk: int | None = None,
) -> RenderOutput | None: ...


def render_image(
    field: Field,
    sampler: Sampler,
    camera: Camera | Panorama,
    march: MarchSettings,
    background: Tensor,
    cancelled: Callable[[], bool] | None = None,
    chunk: int | None = None,
) -> RenderOutput | None:
    """Render all pixels of a camera, `chunk` rays at a time; on the CPU, each thread has a chunk of its own.

    Args:
        background: (3,) float32.
        cancelled: called between chunks; once it returns True, the result is None.
        chunk: rays at a time, at most; None: see `image_chunk`.

    Returns:
        The output with (height, width) in place of (n_rays,).

    Raises:
        ValueError: see `image_parts`.
    """
    return finished_parts(image_parts(field, sampler, camera, march, background, chunk), cancelled)


def finished_parts(parts: Generator[None, None, T], cancelled: Callable[[], bool] | None = None) -> T | None:
    """Run a generator of work in parts to its end; returns its result.

    Args:
        cancelled: called before each part; once it returns True, the result is None.
    """
    while cancelled is None or not cancelled():
        try:
            next(parts)
        except StopIteration as end:
            return end.value
    parts.close()
    return None


@torch.no_grad()
def image_parts(
    field: Field,
    sampler: Sampler,
    camera: Camera | Panorama,
    march: MarchSettings,
    background: Tensor,
    chunk: int | Callable[[], int] | None = None,
) -> Generator[None, None, RenderOutput]:
    """`render_image` in parts, for whoever has other things to do between them: it yields after each chunk of rays, and
    returns the output.

    Args:
        chunk: as for `render_image`; or what returns it, asked before each chunk.

    Raises:
        ValueError: the field is an `AlongRays`, whose ray numbers aren't those of a slice.
        OutOfMemory: even a few rays don't fit in the GPU's memory.
    """
    if isinstance(field, AlongRays):
        raise ValueError(
            "a picture is rendered in slices, and nerfacc's functions number the rays of all of it: "
            "give all its rays to render_rays"
        )
    n_pixels, device = camera.width * camera.height, camera.c2w.device
    chunk = chunk if callable(chunk) else min(chunk or image_chunk(device), n_pixels)
    round_size = first_round_size(min(image_chunk(device), n_pixels) if callable(chunk) else chunk, device)

    def render(first: int, last: int) -> RenderOutput:
        rays = generate_rays(camera, first, last)
        return render_rays(field, sampler, rays, march, background, round_size=round_size)

    chunks, parts, n_done = _chunks(render, n_pixels, chunk, sampler, device), [], 0
    while n_done < n_pixels:
        if parts:
            yield
        parts += next(chunks)
        n_done = sum(part.opacities.shape[0] for part in parts)
    shape = (camera.height, camera.width)
    return RenderOutput(*(torch.cat(x).unflatten(0, shape) for x in zip(*parts, strict=True)))


@torch.no_grad()
def render_pixels(field: Field, sampler: Sampler, rays: Rays, march: MarchSettings, background: Tensor) -> RenderOutput:
    """Render any number of rays without gradient, on CUDA as many at a time as fit in its memory.

    Args:
        background: (3,) float32.

    Raises:
        OutOfMemory: even a few rays don't fit.
    """
    n_rays, device = rays.rays_o.shape[0], rays.rays_o.device
    round_size = first_round_size(n_rays, device)

    def render(first: int, last: int) -> RenderOutput:
        times = None if rays.times is None else rays.times[first:last]
        piece = Rays(rays.rays_o[first:last], rays.rays_d[first:last], times)
        return render_rays(field, sampler, piece, march, background, round_size=round_size)

    if device.type == "cpu" or not n_rays:
        return render(0, n_rays)
    parts = [part for chunk in _chunks(render, n_rays, n_rays, sampler, device) for part in chunk]
    return RenderOutput(*(torch.cat(x) for x in zip(*parts, strict=True)))


def _chunks(
    render: Callable[[int, int], RenderOutput],
    n_rays: int,
    chunk: int | Callable[[], int],
    sampler: Sampler,
    device: torch.device,
) -> Iterator[list[RenderOutput]]:
    """Render rays chunk by chunk, in order: on the CPU each is divided over the threads, on CUDA it is as large as fits
    in the memory that is left.

    Args:
        render: renders the rays from a first to before a last.
        chunk: rays at a time, at most; or asked for them before each chunk.
    """
    lanes, first = min(lanes_on(device), max(1, n_rays // _WORTH_A_THREAD)), 0
    while first < n_rays:
        n_next = chunk() if callable(chunk) else chunk
        share = -(-n_next // lanes)
        if device.type == "cuda":
            output, n = fitting_of(sampler).run(
                lambda n, first=first: render(first, first + n), min(n_next, n_rays - first), device
            )
            first += n
            yield [output]
        else:
            firsts = range(first, min(first + lanes * share, n_rays), share)
            first = firsts[-1] + share
            yield run_together([partial(render, begin, min(begin + share, n_rays)) for begin in firsts])
