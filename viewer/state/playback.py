"""The time of the picture in a scene that moves: stopped or playing. Pure."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Playback:
    """A moment of the sequence that the views show, and whether it is playing.

    Attributes:
        time: 0 to 1, from the first moment of the views to the last.
        playing: time is running.
        seconds: the duration of the whole sequence.
        loop: it starts over at its end; otherwise it stops there.
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
        """The playback some seconds later."""
        if not self.playing:
            return self
        time = self.time + seconds / self.seconds
        if time <= 1.0:
            return replace(self, time=time)
        return replace(self, time=time % 1.0) if self.loop else replace(self, time=1.0, playing=False)

    def toggled(self) -> "Playback":
        """Play, from the start if it is at the end; or stop."""
        begin = not self.playing and self.time >= 1.0
        return replace(self, playing=not self.playing, time=0.0 if begin else self.time)

    def at(self, time: float) -> "Playback":
        """Stop at a time."""
        return replace(self, time=time, playing=False)
