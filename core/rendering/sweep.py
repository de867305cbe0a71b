"""What a threshold costs and saves: renders one view over the range of one setting.

A sweep renders chunk by chunk, so that a window can run it in slices and stop it.
"""

import statistics
from collections.abc import Generator
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.march import THRESHOLDS_OFF, MarchSettings
from core.config.scale import Scale
from core.config.setting import Setting
from core.fields.base import Field
from core.geometry.cameras import Camera
from core.geometry.rays import RenderOutput
from core.kernels.camera_rays import generate_rays
from core.kernels.runtime.gpu_memory import fitting_of
from core.rendering.metrics import psnr
from core.rendering.render import first_round_size, image_chunk, render_rays
from core.rendering.sweep_curve import SweepCurve, SweepPoint
from core.samplers.base import Sampler


class _Picture(NamedTuple):
    """A finished picture: its colours (n_rays, 3) in [0, 1], evaluations and time."""

    colors: Tensor
    n_marched: int
    n_kept: int
    seconds: float


class Sweep:
    """Renders a view at several values of one threshold, and first with thresholds off, as their reference.

    Args:
        camera: one camera, on the field's device.
        march: the view's settings; all but the swept one stay as they are.
        background: (3,) float32 on the field's device.
        name: the swept field of `MarchSettings`.
        setting: its range, see `swept_setting`.
        n_values: values over this range.
        repeats: pictures per value, for the median of their times.

    Attributes:
        curve: the points so far; replaced as a whole after each value.
    """

    def __init__(
        self,
        field: Field,
        sampler: Sampler,
        camera: Camera,
        march: MarchSettings,
        background: Tensor,
        name: str,
        setting: Setting,
        n_values: int = 12,
        repeats: int = 1,
    ):
        self._field, self._sampler, self._camera, self._background = field, sampler, camera, background
        self._march, self._repeats = march, repeats
        scale = Scale(setting)
        self.curve = SweepCurve(name, scale, getattr(march, name), camera.width * camera.height)
        self._values = scale.spread(n_values)
        self._chunk = image_chunk(background.device)
        self._round_size = first_round_size(min(self.curve.n_rays, self._chunk), background.device)
        self._work = self._run()
        self._n_next, self._n_done = self._chunk, 0

    @property
    def share(self) -> float:
        """The share of the work done, 0 to 1."""
        return self._n_done / (self.curve.n_rays * (1 + len(self._values) * self._repeats))

    @torch.no_grad()
    def advance(self, n_rays: int | None = None) -> bool:
        """Render the next rays of the present picture; returns False if everything was done already.

        The counts don't depend on `n_rays`; the times do if these are too few to fill the machine.

        Args:
            n_rays: at most so many; None: as many as a picture's chunk has.
        """
        self._n_next = n_rays or self._chunk
        return next(self._work, False)

    def _run(self) -> Generator[bool, None, None]:
        reference = yield from self._render(replace(self._march, **THRESHOLDS_OFF))
        for value in self._values:
            march = replace(self._march, **{self.curve.name: value})
            pictures = []
            for _ in range(self._repeats):
                pictures.append((yield from self._render(march)))
            self.curve = replace(self.curve, points=(*self.curve.points, self._point(value, pictures, reference)))

    def _render(self, march: MarchSettings) -> Generator[bool, None, _Picture]:
        colors, n_marched, n_kept, seconds, first = [], 0, 0, 0.0, 0
        while first < self.curve.n_rays:
            began = perf_counter()
            out = self._rendered(march, first, min(self._n_next, self.curve.n_rays - first))
            # before the clock is read: reading the counts waits for the device
            n_marched, n_kept = n_marched + int(out.n_marched.sum()), n_kept + int(out.n_kept.sum())
            seconds += perf_counter() - began
            colors.append(out.colors.clamp(0.0, 1.0))
            first += out.colors.shape[0]
            self._n_done += out.colors.shape[0]
            yield True
        return _Picture(torch.cat(colors), n_marched, n_kept, seconds)

    def _rendered(self, march: MarchSettings, first: int, n_rays: int) -> RenderOutput:
        """The picture's next rays: so many, or on CUDA as many of them as fit in its memory."""
        device = self._background.device

        def render(n: int) -> RenderOutput:
            rays = generate_rays(self._camera, first, first + n)
            return render_rays(self._field, self._sampler, rays, march, self._background, round_size=self._round_size)

        if device.type == "cpu":
            return render(n_rays)
        return fitting_of(self._sampler).run(render, n_rays, device)[0]

    def _point(self, value: float, pictures: list[_Picture], reference: _Picture) -> SweepPoint:
        picture = pictures[0]
        return SweepPoint(
            value=value,
            ms=1e3 * statistics.median(p.seconds for p in pictures),
            samples_per_ray=picture.n_kept / self.curve.n_rays,
            density_evaluations=picture.n_marched,
            color_evaluations=picture.n_kept,
            psnr_vs_off=psnr(picture.colors, reference.colors),
        )
