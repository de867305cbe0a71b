"""Contractions: how space around the scene's box is mapped into the unit cube in which a field looks positions up."""

from typing import Literal, NamedTuple, get_args

Contraction = Literal["none", "max", "sphere", "ndc"]


class Words(NamedTuple):
    """A contraction in words, for the window and the README.

    Attributes:
        sentence: what it is; cost: what it takes.
        settings: it has none, unlike a field or a sampler.
    """

    sentence: str
    cost: str
    settings: None = None


CONTRACTIONS: dict[str, Words] = {
    "none": Words(
        "The field ends at the scene's box, or at the outermost of its nested boxes.",
        "Free; nothing beyond the box can be shown.",
    ),
    "max": Words(
        "All space around the box is contracted into a shell of nested boxes (mip-NeRF 360, maximum norm).",
        "The box keeps an eighth of the field's volume; rays end at the outermost nested box.",
    ),
    "sphere": Words(
        "All space around the box is contracted into a shell of nested balls, and rays never end (mip-NeRF 360).",
        "The box keeps an eighth of the field's volume, the corners stay unused, and samples thin out with distance.",
    ),
    "ndc": Words(
        "Everything in front of forward-facing cameras, to infinity, as one of them sees it (NeRF, appendix C).",
        "Wastes nothing on what no camera sees; cameras that surround their subject are refused.",
    ),
}

ENDLESS: tuple[Contraction, ...] = ("sphere", "ndc")
"""Contractions with which rays go on behind all boxes, if the sampler doesn't march a grid."""


def default_contraction(n_levels: int) -> Contraction:
    """The default contraction: only scenes of several nested boxes have one."""
    return "max" if n_levels > 1 else "none"


def contraction_named(name: str) -> Contraction:
    """The contraction of a name; raises ValueError that lists all names if there is none."""
    for contraction in get_args(Contraction):
        if contraction == name:
            return contraction
    raise ValueError(f"there is no method {name!r}: choose one of {', '.join(CONTRACTIONS)}")
