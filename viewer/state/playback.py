"""When the picture is of, in a scene that moves: a time that stands or runs. Pure."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Playback:
    """A moment of the sequence that the views show, and how it goes on.

    Attributes:
        time: 0 to 1, from the first moment of the views to the last.
        playing: the time runs.
        seconds: the whole sequence takes so long.
        loop: it begins again at its end; else it stays there.
    """

    time: float = 0.0
    playing: bool = False
    seconds: float = 4.0
    loop: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.time <= 1.0:
            raise ValueError(f"a time lies between 0 and 1, got {self.time!r}")
        if not self.seconds > 0.0:
            raise ValueError(f"a sequence takes more than 0 seconds, got {self.seconds!r}")

    def after(self, seconds: float) -> "Playback":
        """What it is some seconds later."""
        if not self.playing:
            return self
        time = self.time + seconds / self.seconds
        if time <= 1.0:
            return replace(self, time=time)
        return replace(self, time=time % 1.0) if self.loop else replace(self, time=1.0, playing=False)

    def toggled(self) -> "Playback":
        """Begin to play, at the end from the start again; or stop."""
        begin = not self.playing and self.time >= 1.0
        return replace(self, playing=not self.playing, time=0.0 if begin else self.time)

    def at(self, time: float) -> "Playback":
        """Stand at a time."""
        return replace(self, time=time, playing=False)
