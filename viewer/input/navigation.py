"""Mouse and fly keys on the picture, as moves of the camera. Pure: it is told what is down and where the cursor is."""

from collections.abc import Collection
from dataclasses import dataclass

from viewer.input.orbit import OrbitCamera

ZOOM_STEP = 0.88
"""One notch of the wheel brings the camera this much of the distance closer."""

LEFT, RIGHT, MIDDLE = 0, 1, 2

DIVIDER_REACH = 8
"""The divider is grabbed from within this many pixels, at scale 1."""

FLY_KEYS = {"D": (1, 0, 0), "A": (-1, 0, 0), "E": (0, 1, 0), "Q": (0, -1, 0), "W": (0, 0, 1), "S": (0, 0, -1)}
"""What a held key moves: right, up, forward."""


@dataclass
class Drag:
    """The drag in progress.

    Attributes:
        button: the button that began it on the picture; None between drags.
        x, y: where the cursor was last, in pixels.
        divider: where the divider now is, in the cursor's pixels, while it is dragged; None while it is not.
    """

    button: int | None = None
    x: float = 0.0
    y: float = 0.0
    divider: float | None = None

    def moved(
        self,
        camera: OrbitCamera,
        down: Collection[int],
        x: float,
        y: float,
        over_picture: bool,
        height: int,
        divider: float | None = None,
        reach: float = DIVIDER_REACH,
    ) -> OrbitCamera:
        """The camera after the cursor came to (x, y). A drag that the left button began at the divider moves that.

        Args:
            down: the mouse buttons that are down. The first one pressed over the picture decides until it is let go.
            over_picture: the cursor is over the picture itself and not over something that lies on it.
            height: the picture's, in pixels.
            divider: where the picture's divider is, in the cursor's pixels; None: there is none.
            reach: the divider is grabbed from within this many pixels.
        """
        if self.button is not None and self.button not in down:
            self.button = self.divider = None
        if self.button is None:
            if down and over_picture:
                self.button, self.x, self.y = min(down), x, y
                if self.button == LEFT and divider is not None and abs(x - divider) <= reach:
                    self.divider = divider
            return camera
        dx, dy = x - self.x, y - self.y
        self.x, self.y = x, y
        if self.divider is not None:
            self.divider += dx
            return camera
        du, dv = dx / height, dy / height
        if du == 0.0 and dv == 0.0:
            return camera
        return camera.orbited(du, dv) if self.button == LEFT else camera.panned(du, dv)


@dataclass
class Pick:
    """Picking with the left button, which then doesn't orbit; for as long as it is held.

    Attributes:
        active: the button that began it over the picture is still down.
    """

    active: bool = False

    def picks(self, down: Collection[int], over_picture: bool, wanted: bool) -> bool:
        """Whether the cursor picks now.

        Args:
            down: the mouse buttons that are down.
            over_picture: the cursor is over the picture itself and not over something that lies on it.
            wanted: pressing the button now would pick.
        """
        self.active = LEFT in down and (self.active or (over_picture and wanted))
        return self.active


def flown(camera: OrbitCamera, held: set[str], seconds: float) -> OrbitCamera:
    """The camera after some fly keys were held for a while; opposite keys cancel."""
    right, up, forward = (sum(FLY_KEYS[key][axis] for key in held) for axis in range(3))
    if (right, up, forward) == (0, 0, 0):
        return camera
    return camera.flown(right, up, forward, seconds)
