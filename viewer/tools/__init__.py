"""What the worker does for panels, beside training and the view, a slice at a time.

A tool is one file and one line in `TOOLS`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from viewer.scene.open_scene import OpenScene
from viewer.tools.base import AT_ONCE, Tool
from viewer.tools.check import CheckTool
from viewer.tools.emptied import EmptiedTool
from viewer.tools.fit import fit
from viewer.tools.images import ImagesTool
from viewer.tools.inspector import InspectorTool
from viewer.tools.method import answer as answer_method
from viewer.tools.occupancy import GridTool
from viewer.tools.once import OnceTool
from viewer.tools.photo import RENDER_AND_PHOTO
from viewer.tools.reference import WITH_AND_WITHOUT
from viewer.tools.scattered import ScatteredTool
from viewer.tools.sweep import SweepTool

TOOLS: dict[str, Callable[[], Tool]] = {
    "check": CheckTool,
    "emptied": EmptiedTool,
    "reference": partial(ScatteredTool, WITH_AND_WITHOUT),
    "sweep": SweepTool,
    "photo": partial(ScatteredTool, RENDER_AND_PHOTO),
    "images": ImagesTool,
    "grid": GridTool,
    "fit": partial(OnceTool, fit),
    "inspector": InspectorTool,
    "method": partial(OnceTool, answer_method),
}


class Toolbox:
    """The tools of one session, which take turns."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {name: make() for name, make in TOOLS.items()}
        self._order = list(self._tools)
        self._next_at = {True: 0.0, False: 0.0}

    def result(self, name: str) -> Any:
        """The newest result of a tool; safe to call from any thread."""
        return self._tools[name].result

    def ask(self, name: str, question: Any, scene: OpenScene) -> None:
        """Hand a panel's question to a tool; None: the panel wants nothing any more."""
        self._tools[name].ask(question, scene)

    def new_scene(self, scene: OpenScene) -> None:
        """Another scene or other weights took over."""
        for tool in self._tools.values():
            tool.new_scene(scene)

    def slice(self, scene: OpenScene, training: bool) -> bool:
        """Let the next tool that has something to do do a bit of it; gives whether there was one.

        Args:
            training: a training step follows, so the tools keep to their share of the time. Those that hurry don't wait
                for the others' to be made up for.

        Raises:
            Exception: whatever the tool raised; it is told to stop first.
        """
        began = time.perf_counter()
        for name in tuple(self._order):
            tool = self._tools[name]
            hurries = tool.share >= AT_ONCE
            if training and began < self._next_at[hurries]:
                continue
            self._order.remove(name)
            self._order.append(name)  # whoever had a turn goes last
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
