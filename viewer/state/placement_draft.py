"""The place that is being edited beside the one that is trained in. Pure: the panel and the handles change it."""

from core.config.types import Box
from core.geometry.boxes import scale_box, sides_of
from core.geometry.placement import Place, find_problem, outermost_box

STEP = 1.25
"""The factor by which a click makes a box larger or smaller."""


class Draft:
    """The place in which "Train in this box" would train.

    Attributes:
        trained: the place that is trained in, or None without a scene.
        place: the edited one; its up is always the trained one's, because up changes at once.
    """

    def __init__(self) -> None:
        self.trained: Place | None = None
        self.place: Place | None = None

    def follow(self, trained: Place | None) -> None:
        """Follow a scene's place. Another box, levels or near plane discards the edits; another up doesn't."""
        if trained is None or self.trained is None or self.place is None or not _same_but_up(trained, self.trained):
            self.place = trained
        else:
            self.place = self.place._replace(up=trained.up)
        self.trained = trained

    @property
    def changed(self) -> bool:
        return self.place != self.trained

    @property
    def problem(self) -> str:
        """Why nothing can be trained there, in one line; "" if it can."""
        return "" if self.place is None else find_problem(self.place)

    def take(self, place: Place) -> None:
        """Edit another place; up stays."""
        if self.trained is not None:
            self.place = place._replace(up=self.trained.up)

    def set(self, box: Box | None = None, n_levels: int | None = None, near_plane: float | None = None) -> None:
        """Change parts of the place; they may be invalid for a while."""
        if self.place is not None:
            given = {"box": box, "n_levels": n_levels, "near_plane": near_plane}
            self.place = self.place._replace(**{name: value for name, value in given.items() if value is not None})

    def set_number(self, index: int, value: float) -> None:
        """Change one number of the box."""
        if self.place is not None:
            x0, y0, z0, x1, y1, z1 = (value if i == index else number for i, number in enumerate(self.place.box))
            self.set(box=(x0, y0, z0, x1, y1, z1))

    def larger(self) -> None:
        if self.place is not None:
            self.set(box=_rounded(scale_box(self.place.box, STEP)))

    def smaller(self) -> None:
        if self.place is not None:
            self.set(box=_rounded(scale_box(self.place.box, 1.0 / STEP)))

    def revert(self) -> None:
        """Go back to the place that is trained in."""
        self.place = self.trained

    def state_text(self) -> str:
        """Why nothing can be trained there, or that nothing is yet; "" for the place that is trained in."""
        if self.problem:
            return self.problem[0].upper() + self.problem[1:] + "."
        if self.place is None or self.trained is None or not self.changed:
            return ""
        beside = " The grey box is the one that is trained in." if self.place.box != self.trained.box else ""
        return f"Nothing is learnt in this place yet.{beside}"

    def reach_text(self) -> str:
        """How far the levels reach."""
        if self.place is None:
            return ""
        if self.place.n_levels == 1:
            return "Nothing outside this box is learnt."
        sides = " x ".join(f"{side:.3g}" for side in sides_of(outermost_box(self.place)))
        return f"The outermost of {self.place.n_levels} boxes has {sides} units. Nothing beyond it is learnt."


def _same_but_up(a: Place, b: Place) -> bool:
    return a._replace(up=b.up) == b


def _rounded(box: Box) -> Box:
    """Rounded to five digits, for people."""
    x0, y0, z0, x1, y1, z1 = (float(f"{x:.5g}") for x in box)
    return x0, y0, z0, x1, y1, z1
