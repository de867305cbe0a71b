"""Mouse and fly keys on the picture, as moves of the camera. Pure: it is told what is down and where the cursor is."""

from dataclasses import dataclass

from viewer.camera_controls import OrbitCamera

ZOOM_STEP = 0.88
"""One notch of the wheel brings the camera this much of the distance closer."""

LEFT, RIGHT, MIDDLE = 0, 1, 2

FLY_KEYS = {"D": (1, 0, 0), "A": (-1, 0, 0), "E": (0, 1, 0), "Q": (0, -1, 0), "W": (0, 0, 1), "S": (0, 0, -1)}
"""What a held key moves: right, up, forward."""


@dataclass
class Drag:
    """The drag in progress.

    Attributes:
        button: the button that began it on the picture; None between drags.
        x, y: where the cursor was last, in pixels.
    """

    button: int | None = None
    x: float = 0.0
    y: float = 0.0

    def moved(
        self, camera: OrbitCamera, down: set[int], x: float, y: float, over_picture: bool, height: int
    ) -> OrbitCamera:
        """The camera after the cursor came to (x, y).

        Args:
            down: the mouse buttons that are down. The first one pressed over the picture decides until it is let go.
            over_picture: the cursor is over the picture itself and not over something that lies on it.
            height: the picture's, in pixels.
        """
        if self.button is not None and self.button not in down:
            self.button = None
        if self.button is None:
            if down and over_picture:
                self.button, self.x, self.y = min(down), x, y
            return camera
        du, dv = (x - self.x) / height, (y - self.y) / height
        self.x, self.y = x, y
        if du == 0.0 and dv == 0.0:
            return camera
        return camera.orbited(du, dv) if self.button == LEFT else camera.panned(du, dv)


def flown(camera: OrbitCamera, held: set[str], seconds: float) -> OrbitCamera:
    """The camera after some fly keys were held for a while; opposite keys cancel."""
    right, up, forward = (sum(FLY_KEYS[key][axis] for key in held) for axis in range(3))
    if (right, up, forward) == (0, 0, 0):
        return camera
    return camera.flown(right, up, forward, seconds)
