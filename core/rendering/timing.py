"""Where a picture's time goes: wraps a field and a sampler, so that the path itself contains no clocks."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from core.fields.base import Field
from core.fields.own import as_field
from core.kernels.fused_march import EncodedDensity
from core.kernels.runtime.gpu_memory import share_fitting
from core.samplers.base import Sampled, Sampler


class Stages(NamedTuple):
    """Seconds of a picture by stage, and how often the field was evaluated.

    Attributes:
        march: finding samples in occupied cells and deciding which are visible.
        field: encodings and networks, for density and for colour.
        composite: everything else: rays, weights, sums over samples.
        n_density, n_color: evaluations of density and of colour.
    """

    march: float
    field: float
    composite: float
    n_density: int
    n_color: int


class Stopwatch:
    """Times one picture, from construction until `stages` is called.

    Its `field` and `sampler` stand in for the given ones on any path, also on several threads: a stage's time is then
    its share of all threads' time. On CUDA times are taken with events on the stream, so that nothing waits before the
    end.

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, field: Field, sampler: Sampler, device: str):
        self._on_cuda = device == "cuda"
        self._field_spans, self._sampler_spans, self._field_in_sampler, self._march_launches = [], [], [], []
        self._thread, self._threads = threading.local(), set()
        self._evaluated: dict[str, list[int]] = {"density": [], "color": []}
        self.field, self.sampler = _WatchedField(as_field(field), self), _WatchedSampler(sampler, self)
        self._began = self._now()

    def stages(self) -> Stages:
        """The times so far."""
        total = self._between(self._began, self._now())
        field, sampler, inside = (
            sum(self._between(*span) for span in spans) / max(1, len(self._threads))
            for spans in (self._field_spans, self._sampler_spans, self._field_in_sampler)
        )
        in_marches = sum(share * self._between(*span) for *span, share in self._march_launches)
        field, inside = (x + in_marches / max(1, len(self._threads)) for x in (field, inside))
        march = sampler - inside
        n_density, n_color = (sum(self._evaluated[what]) for what in ("density", "color"))
        return Stages(march, field, max(0.0, total - march - field), n_density, n_color)

    def _now(self):
        if not self._on_cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _between(self, first, last) -> float:
        if not self._on_cuda:
            return last - first
        last.synchronize()
        return 1e-3 * first.elapsed_time(last)

    def _march_begins(self) -> Callable[[int, float], None]:
        """Mark the start of a launch that marches and evaluates densities itself; see `EncodedDensity.on_launch`."""
        began = self._now()

        def ended(n: int, share: float) -> None:
            self._march_launches.append((began, self._now(), share))
            self._evaluated["density"].append(n)
            self._threads.add(threading.get_ident())

        return ended

    def _field_took(self, began, what: str, n: int) -> None:
        span = (began, self._now())
        self._field_spans.append(span)
        if getattr(self._thread, "is_sampling", False):
            self._field_in_sampler.append(span)
        self._evaluated[what].append(n)
        self._threads.add(threading.get_ident())


class _WatchedField(Field):
    def __init__(self, field: Field, watch: Stopwatch):
        self._field, self._watch = field, watch

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        began = self._watch._now()
        result = self._field.density(positions)
        self._watch._field_took(began, "density", positions.shape[0])
        return result

    def march_density(self, keeps_features: bool) -> EncodedDensity | None:
        density = self._field.march_density(keeps_features)
        return density and density._replace(on_launch=self._watch._march_begins)

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        began = self._watch._now()
        result = self._field.color(features, directions)
        self._watch._field_took(began, "color", features.shape[0])
        return result


class _WatchedSampler(Sampler):
    def __init__(self, sampler: Sampler, watch: Stopwatch):
        self._sampler, self._watch = sampler, watch
        share_fitting(self, sampler)

    def sample(self, field, rays, march, generator, round_size) -> Sampled:
        began, self._watch._thread.is_sampling = self._watch._now(), True
        result = self._sampler.sample(field, rays, march, generator, round_size)
        self._watch._thread.is_sampling = False
        self._watch._sampler_spans.append((began, self._watch._now()))
        return result
