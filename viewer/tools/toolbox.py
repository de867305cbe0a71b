"""The tools of one session, which take turns on its thread."""

import time
from typing import Any

from viewer.protocol.session import Answer, Question, ToolKey
from viewer.scene.open_scene import OpenScene
from viewer.tools import TOOLS
from viewer.tools.base import AT_ONCE, Tool


class Toolbox:
    """One tool of each kind."""

    def __init__(self) -> None:
        self._tools: dict[ToolKey[Any, Any], Tool[Any, Any]] = {kind.key: kind.make() for kind in TOOLS.values()}
        self._order = list(self._tools.values())
        self._next_at = {True: 0.0, False: 0.0}

    def result(self, key: ToolKey[Question, Answer]) -> Answer | None:
        """A tool's newest answer; safe to call from any thread."""
        return self._tools[key].result

    def ask(self, key: ToolKey[Question, Answer], question: Question | None, scene: OpenScene) -> None:
        """Hand a panel's question to a tool; None: the panel no longer needs it."""
        self._tools[key].ask(question, scene)

    def new_scene(self, scene: OpenScene) -> None:
        """Another scene or other weights took over."""
        for tool in self._tools.values():
            tool.new_scene(scene)

    def close(self, scene: OpenScene | None) -> None:
        """The session ends: all tools stop."""
        if scene is not None:
            for tool in self._tools.values():
                tool.ask(None, scene)

    def slice(self, scene: OpenScene, training: bool) -> bool:
        """Let the next tool that has something to do work for a slice; returns whether there was one.

        Args:
            training: a training step follows, so the tools keep to their shares of the time. Those that work at once
                don't wait until the time taken by the others has been made up for.

        Raises:
            Exception: whatever the tool raised, after it was asked to stop.
        """
        began = time.perf_counter()
        for tool in tuple(self._order):
            hurries = tool.share >= AT_ONCE
            if training and began < self._next_at[hurries]:
                continue
            self._order.remove(tool)
            self._order.append(tool)  # whoever had a turn goes last
            try:
                worked = tool.slice(scene)
            except Exception:
                tool.ask(None, scene)
                raise
            if worked:
                ended = time.perf_counter()
                self._next_at[hurries] = ended + (ended - began) * (1.0 / tool.share - 1.0)
                return True
        return False
