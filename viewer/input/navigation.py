"""Mouse and fly keys on the picture as moves of the camera. Pure: callers say what is down and where the cursor is."""

from collections.abc import Collection
from dataclasses import dataclass

from viewer.input.orbit import OrbitCamera

ZOOM_STEP = 0.88
"""The factor by which one notch of the wheel changes the distance."""

LEFT, RIGHT, MIDDLE = 0, 1, 2

DIVIDER_REACH = 8
"""The divider is grabbed from within this many pixels, at scale 1."""

FLY_KEYS = {"D": (1, 0, 0), "A": (-1, 0, 0), "E": (0, 1, 0), "Q": (0, -1, 0), "W": (0, 0, 1), "S": (0, 0, -1)}
"""The direction of each key: right, up, forward."""


@dataclass
class Drag:
    """The drag in progress.

    Attributes:
        button: the button that began it on the picture; None between drags.
        x, y: the cursor's last position in pixels.
        divider: the divider's position, in the cursor's pixels, while it is dragged; None otherwise.
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
        """The camera after the cursor moved to (x, y). A left drag that began at the divider moves the divider instead.

        Args:
            down: the mouse buttons that are down. The first one pressed over the picture decides until it is released.
            over_picture: the cursor is over the picture itself, not over something on top of it.
            height: the picture's, in pixels.
            divider: the divider's position, in the cursor's pixels; None: there is none.
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
    """Picking with the left button, which doesn't orbit then, for as long as it is held.

    Attributes:
        active: the button was pressed over the picture and is still down.
    """

    active: bool = False

    def picks(self, down: Collection[int], over_picture: bool, wanted: bool) -> bool:
        """Whether the cursor picks now.

        Args:
            down: the mouse buttons that are down.
            over_picture: the cursor is over the picture itself, not over something on top of it.
            wanted: pressing the button now would pick.
        """
        self.active = LEFT in down and (self.active or (over_picture and wanted))
        return self.active


def flown(camera: OrbitCamera, held: set[str], seconds: float) -> OrbitCamera:
    """The camera after fly keys were held for some seconds; opposite keys cancel."""
    right, up, forward = (sum(FLY_KEYS[key][axis] for key in held) for axis in range(3))
    if (right, up, forward) == (0, 0, 0):
        return camera
    return camera.flown(right, up, forward, seconds)
