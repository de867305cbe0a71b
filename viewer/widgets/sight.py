"""Which panels are in sight. Pure."""

GONE_FRAMES = 10
"""Frames after which a panel that isn't drawn counts as out of sight: one that opens skips frames on its way into its
dock, and a tool that is told to stop doesn't start again by itself."""


class Sight:
    """Follows each panel from frame to frame."""

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}  # frames since each panel in sight was drawn

    def draw(self, tag: str) -> bool:
        """Note that a panel is drawn in this frame; returns whether it was out of sight before."""
        returned = tag not in self._missed
        self._missed[tag] = 0
        return returned

    def miss(self, tag: str) -> bool:
        """Note that a panel is not drawn in this frame; returns whether it goes out of sight with it."""
        if tag not in self._missed:
            return False
        self._missed[tag] += 1
        if self._missed[tag] < GONE_FRAMES:
            return False
        del self._missed[tag]
        return True
