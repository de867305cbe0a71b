"""A batch that is learnt in slices, so that views can be rendered in between: gradients add up until it is complete."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

_LEAST_RAYS = 32
"""Of a slice: fewer cost as much."""

_PREFIX = "batch_"


@dataclass
class SlicedBatch:
    """What has been learnt of a batch; before its first slice, `n_rays` is 0.

    Attributes:
        share: its size, as a share of the usual one.
        n_rays: of the whole batch.
        n_done: rays of all slices so far.
        n_samples: samples that these rays kept.
        n_learnt: those, and the samples that the sampler learnt from.
        error: mean squared error of their colours.
        is_broken: a slice began and wasn't added: what it left in the gradients is unknown.
    """

    share: float = 1.0
    n_rays: int = 0
    n_done: int = 0
    n_samples: int = 0
    n_learnt: int = 0
    error: float = 0.0
    is_broken: bool = False

    @property
    def n_left(self) -> int:
        """Rays that it still lacks."""
        return self.n_rays - self.n_done

    def next_slice(self, fraction: float) -> int:
        """Begin a slice; returns its rays: a fraction of the usual batch, or all that are left if hardly more are."""
        self.is_broken = True
        n_wanted = max(_LEAST_RAYS, round(fraction / self.share * self.n_rays))
        return n_wanted if 1.5 * n_wanted <= self.n_left else self.n_left

    def add(self, n_rays: int, error: float, n_samples: int, n_learnt: int) -> None:
        """Count a slice whose mean squared error was `error`."""
        self.is_broken = False
        self.n_done += n_rays
        self.error += (error - self.error) * n_rays / self.n_done
        self.n_samples, self.n_learnt = self.n_samples + n_samples, self.n_learnt + n_learnt

    def counters(self) -> dict[str, float]:
        """Its numbers by name."""
        return {_PREFIX + name: value for name, value in asdict(self).items()}

    @classmethod
    def restored(cls, counters: Mapping[str, float]) -> "SlicedBatch":
        """What `counters` described; a batch without slices if it isn't among them."""
        known = [x.name for x in fields(cls) if _PREFIX + x.name in counters]
        return cls(**{name: type(getattr(cls, name))(counters[_PREFIX + name]) for name in known})
