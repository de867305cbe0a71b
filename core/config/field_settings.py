"""Settings of the fields beside the default one, whose own are `core.config.field_settings.FieldSettings`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from core.config.setting import Setting, validate
from core.config.types import Precision


@dataclass(frozen=True)
class FieldSettings:
    """The Instant-NGP field: a multiresolution hash grid and two small networks (Müller et al. 2022, section 3)."""

    n_levels: Annotated[int, Setting("Resolutions in the hash grid.", low=1, high=24)] = 16
    n_features: Annotated[int, Setting("Features per table entry (2 or 4).", low=2, high=4)] = 2
    log2_hashmap_size: Annotated[int, Setting("Entries per level, as a power of two.", low=8, high=24)] = 19
    base_resolution: Annotated[int, Setting("Cells per side of the coarsest level.", low=2, high=512)] = 16
    max_resolution: Annotated[int, Setting("Cells per side of the finest level.", low=2, high=65536)] = 2048
    hidden_dim: Annotated[int, Setting("Width of the networks' hidden layers.", low=8, high=256)] = 64
    geo_feature_dim: Annotated[
        int, Setting("Values the density network gives the colour network; one is the density.", low=1, high=64)
    ] = 16
    precision: Annotated[
        Precision,
        Setting(
            "Number format of the networks' matrix products; weights stay float32. A CPU without matrix tiles (AMX) "
            "computes in float32 all the same."
        ),
    ] = "float32"

    def __post_init__(self) -> None:
        validate(self)
        if self.n_features not in (2, 4):
            raise ValueError(f"n_features must be 2 or 4, got {self.n_features}")
        if self.max_resolution < self.base_resolution:
            raise ValueError(f"max_resolution {self.max_resolution} is below base_resolution {self.base_resolution}")


@dataclass(frozen=True)
class DenseSettings:
    """A voxel grid of features and a small network for colour."""

    resolution: Annotated[int, Setting("Voxels per side.", low=2, high=512)] = 128
    voxel_features: Annotated[int, Setting("Features at each corner of a voxel, a multiple of 4.", low=4, high=32)] = 8
    hidden_dim: Annotated[int, Setting("Width of the colour network's hidden layers.", low=8, high=256)] = 64
    precision: Annotated[
        Precision,
        Setting(
            "Number format of the networks' matrix products; weights stay float32. A CPU without matrix tiles (AMX) "
            "computes in float32 all the same."
        ),
    ] = "float32"

    def __post_init__(self) -> None:
        validate(self)
        if self.voxel_features % 4:
            raise ValueError(f"voxel_features must be a multiple of 4, got {self.voxel_features}: choose 4, 8 .. 32")


@dataclass(frozen=True)
class MLPSettings:
    """The field of the NeRF paper: one large network of encoded positions (Mildenhall et al. 2020, appendix A)."""

    depth: Annotated[int, Setting("Layers before the density.", low=1, high=16)] = 8
    width: Annotated[int, Setting("Units of each of these layers.", low=8, high=1024)] = 256
    skip: Annotated[
        int,
        Setting(
            "The layer, counted from 1, that sees the encoded position again; 0, or behind the last: none.",
            low=0,
            high=16,
        ),
    ] = 5
    color_width: Annotated[int, Setting("Units of the colour network's layer.", low=8, high=1024)] = 128
    position_frequencies: Annotated[int, Setting("Octaves of the positional encoding.", low=0, high=16)] = 10
    direction_frequencies: Annotated[int, Setting("Octaves of the direction's encoding.", low=0, high=8)] = 4
    precision: Annotated[
        Precision, Setting("Number format of the networks' matrix products; weights stay float32.")
    ] = "float32"

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class NGPTimeSettings(FieldSettings):
    """The hash field with time: all that the static one has, and hash grids of two axes of space and time."""

    time_levels: Annotated[int, Setting("Resolutions in each hash grid with time.", low=1, high=24)] = 5
    time_max_resolution: Annotated[
        int, Setting("Cells per side of the finest level of the hash grids with time.", low=2, high=65536)
    ] = 128
    time_steps: Annotated[
        int, Setting("Cells along time of that level: what changes faster is blurred.", low=1, high=65536)
    ] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.time_max_resolution < self.base_resolution:
            raise ValueError(
                f"time_max_resolution {self.time_max_resolution} is below base_resolution {self.base_resolution}"
            )


@dataclass(frozen=True)
class TNeRFSettings(MLPSettings):
    """A static network of the NeRF paper, and a small one that moves each place at each time to where it looks."""

    warp_depth: Annotated[int, Setting("Layers of the network that moves places.", low=1, high=16)] = 4
    warp_width: Annotated[int, Setting("Units of each of these layers.", low=8, high=1024)] = 64
    warp_frequencies: Annotated[
        int, Setting("Octaves of the encoding of the place and the time to move.", low=0, high=16)
    ] = 4


@dataclass(frozen=True)
class OwnSettings:
    """A field of the user's own; what it is like, its class says.

    Attributes:
        source: "path.py:Class", the path from where the program runs.
    """

    source: str

    def __post_init__(self) -> None:
        if self.path.suffix != ".py" or not self.class_name.isidentifier():
            raise ValueError(f"a field of your own is named as path.py:Class, got {self.source!r}: name its class so")

    @property
    def path(self) -> Path:
        return Path(self.source.rpartition(":")[0]).expanduser()

    @property
    def class_name(self) -> str:
        return self.source.rpartition(":")[2]
