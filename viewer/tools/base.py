"""What the worker asks of a tool."""

from typing import Any, Protocol

from viewer.scene import Scene


class Tool(Protocol):
    """Work for a panel, done in slices while the camera rests, on the thread that owns the scene.

    Attributes:
        result: the newest finished result, replaced as a whole and never written to again: the window reads it.
    """

    result: Any

    def ask(self, question: Any, scene: Scene) -> None:
        """Take a question, which supersedes the one before; None: stop, nobody looks any more."""
        ...

    def new_scene(self, scene: Scene) -> None:
        """Another scene or other weights took over: earlier results are void."""
        ...

    def slice(self, scene: Scene) -> bool:
        """Do some 50 ms of work; gives whether there was anything to do."""
        ...
