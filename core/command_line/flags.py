"""Flags that several commands share.

Nothing here takes long to import: help and mistakes are answered at once.
"""

from functools import partial
from typing import Annotated, Any, Literal

import tyro
from typing_extensions import Doc

from core.config.contractions import CONTRACTIONS
from core.config.flags import flags_of, optional_keys
from core.config.march import MarchSettings
from core.config.read_options import DEMOS, ReadOptions
from core.config.registry import MethodRegistry
from core.config.training import TrainSettings
from core.fields import FIELDS
from core.geometry.placement import PlaceOverrides
from core.samplers import SAMPLERS


def shown_as(name: str, help: str):
    """A flag whose help calls its value `name` and mentions no default."""
    return tyro.conf.arg(metavar=name, help=help, help_behavior_hint="")


def positional(name: str, help: str):
    return tyro.conf.Positional, tyro.conf.arg(metavar=name, help=help)


def flags_for(*settings: type):
    """Flags for the fields of settings dataclasses; their value is a dict with the ones that are given."""
    return tyro.conf.arg(constructor=flags_of(*settings))


DatasetPath = Annotated[str, *positional("DATASET", f"A dataset, a folder of photos, a video, or {', '.join(DEMOS)}.")]
Device = Annotated[
    str | None,
    shown_as("{cpu,cuda,cuda:1}", "Where to run: a GPU if one can be used, of several the one with most free memory."),
]
Backend = Annotated[
    Literal["auto", "warp", "nerfacc"],
    Doc("Kernels that march and composite on CUDA: nerfacc's are built with nvcc, auto takes the faster ones."),
]
CheckGpu = Annotated[
    bool, tyro.conf.arg(name="check", help="Check a GPU's kernels at its first start; --no-check trusts them.")
]
Seed = Annotated[int, Doc("Seeds the weights and training; the same seed gives the same first losses on a CPU.")]
ReadFlags = Annotated[dict[str, Any], flags_for(ReadOptions)]
MarchFlags = Annotated[dict[str, Any], flags_for(MarchSettings)]
TrainFlags = Annotated[dict[str, Any], flags_for(TrainSettings)]
PlaceFlags = Annotated[dict[str, Any], flags_for(PlaceOverrides)]


def method_flags() -> type:
    """The method: what learns, and where it looks. `core.training.methods` says more."""
    names = {
        "field": (
            f"{','.join(FIELDS)},FILE.py:CLASS",
            "The radiance field, or a class of your own; ngp unless given, ngp-t in a scene that moves. "
            "--field ngp --help lists the settings of that field.",
        ),
        "sampler": (
            ",".join(SAMPLERS),
            "What places samples; occupancy unless given. --sampler proposal --help lists the settings of that one.",
        ),
        "contraction": (
            ",".join(CONTRACTIONS),
            "How space around the box fits into the field; max unless given where boxes lie in boxes, else none.",
        ),
    }
    keys = {choice: Annotated[str, shown_as(f"{{{values}}}", help)] for choice, (values, help) in names.items()}
    return optional_keys("Method", keys)


def kinds_flags(kinds: MethodRegistry) -> type:
    """Flags for the settings of the fields or samplers whose modules are imported; `parse` imports them as needed."""
    return flags_of(*(kind.settings for kind in kinds.loaded().values()))


MethodFlags = Annotated[dict[str, str], tyro.conf.arg(constructor_factory=method_flags)]
FieldFlags = Annotated[dict[str, Any], tyro.conf.arg(constructor_factory=partial(kinds_flags, FIELDS))]
SamplerFlags = Annotated[dict[str, Any], tyro.conf.arg(constructor_factory=partial(kinds_flags, SAMPLERS))]

OwnField = Annotated[
    str | None,
    shown_as("FILE.py:CLASS", "Where the code of a snapshot's own field is. It runs only if you name it."),
]
