"""Which windows there are, where each is docked at first, and the file that remembers where the user moved them.

The file is Dear ImGui's own (its windows are named by number), with a section of ours at its end: the version, the
scale and the open panels. A file that doesn't fit this version and scale is ignored.
"""

import re
from dataclasses import dataclass
from pathlib import Path

VERSION = 1

TOOLBAR, CANVAS, STATUS, SIDE_TOP, SIDE, BELOW = 1, 5, 4, 6, 7, 9
"""Numbers of the dock's nodes: bars above and below, the picture, the side's two parts, and a strip under the picture
that takes no room while all its panels are closed."""

TOOLBAR_HEIGHT, STATUS_HEIGHT, SIDE_WIDTH, SIDE_TOP_HEIGHT, BELOW_HEIGHT = 40, 26, 344, 292, 264
"""Sizes at scale 1, in pixels."""

_DOCKSPACE, _HOST = 0x08BD597D, 0x1BBC0F80
"""What Dear ImGui calls the dock that covers the viewport, and its host window."""

_SECTION = "[Firstlight][Layout]"


@dataclass(frozen=True)
class DockSlot:
    """A window's number, which never changes, its first node, and whether it is open at first."""

    number: int
    node: int
    shown: bool = True


BARS = {"toolbar": DockSlot(9001, TOOLBAR), "canvas": DockSlot(9002, CANVAS), "status": DockSlot(9003, STATUS)}
"""Always there, by tag."""

PANELS = {
    "training": DockSlot(9101, SIDE_TOP),
    "thresholds": DockSlot(9102, SIDE),
    "view": DockSlot(9103, SIDE),
    "grid": DockSlot(9150, SIDE),
    "place": DockSlot(9160, SIDE),
    "sweep": DockSlot(9110, BELOW, shown=False),
    "compare": DockSlot(9120, BELOW, shown=False),
    "images": DockSlot(9130, BELOW, shown=False),
    "inspector": DockSlot(9140, BELOW, shown=False),
    "dataset": DockSlot(9170, BELOW, shown=False),
    "method": DockSlot(9180, BELOW, shown=False),
}
"""By tag, in the order of their tabs."""


@dataclass(frozen=True)
class DockLayout:
    """What the window starts with.

    Attributes:
        text: Dear ImGui's settings.
        shown: tags of the open panels.
    """

    text: str
    shown: frozenset[str]


def default_layout(width: int, height: int, scale: float) -> DockLayout:
    """The first layout, for a window of some size in pixels."""
    px = lambda size: round(size * scale)  # noqa: E731
    middle, side = height - px(TOOLBAR_HEIGHT) - px(STATUS_HEIGHT), px(SIDE_WIDTH)
    top, strip = px(SIDE_TOP_HEIGHT), px(BELOW_HEIGHT)
    bar = "NoResize=1 NoTabBar=1"
    nodes = [
        f"DockSpace ID=0x{_DOCKSPACE:08X} Window=0x{_HOST:08X} Pos=0,0 Size={width},{height} Split=Y",
        _node(TOOLBAR, _DOCKSPACE, width, px(TOOLBAR_HEIGHT), bar),
        _node(2, _DOCKSPACE, width, middle + px(STATUS_HEIGHT), "Split=Y"),
        _node(3, 2, width, middle, "Split=X"),
        _node(10, 3, width - side, middle, "Split=Y"),
        _node(CANVAS, 10, width - side, middle - strip, "CentralNode=1 NoTabBar=1"),
        _node(BELOW, 10, width - side, strip),
        _node(8, 3, side, middle, "Split=Y"),
        _node(SIDE_TOP, 8, side, top),
        _node(SIDE, 8, side, middle - top),
        _node(STATUS, 2, width, px(STATUS_HEIGHT), bar),
    ]
    windows = [f"[Window][WindowOverViewport_11111111]\nPos=0,0\nSize={width},{height}\nCollapsed=0\n"]
    tabs: dict[int, int] = {}
    for slot in (BARS | PANELS).values():
        tabs[slot.node] = tabs.get(slot.node, -1) + 1
        windows.append(f"[Window][###{slot.number}]\nCollapsed=0\nDockId=0x{slot.node:08X},{tabs[slot.node]}\n")
    shown = frozenset(tag for tag, slot in PANELS.items() if slot.shown)
    return DockLayout("\n".join([*windows, "[Docking][Data]", *nodes, ""]), shown)


def load(file: Path, scale: float) -> DockLayout | None:
    """What was saved at this scale by this version, or None."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found = re.search(rf"{re.escape(_SECTION)}\nVersion={VERSION}\nScale=([\d.]+)\nShown=([\w,]*)\n", text)
    numbers = set(re.findall(r"\[Window\]\[###(\d+)\]", text))
    docked = "[Docking][Data]" in text and f"ID=0x{CANVAS:08X}" in text
    if found is None or float(found[1]) != scale or not docked:
        return None
    if not {str(slot.number) for slot in (BARS | PANELS).values()} <= numbers:
        return None
    return DockLayout(text, frozenset(found[2].split(",")) & PANELS.keys())


def stamp(file: Path, scale: float, shown: frozenset[str]) -> None:
    """Add our section to a file that Dear ImGui has written."""
    with file.open("a", encoding="utf-8") as end:
        end.write(f"\n{_SECTION}\nVersion={VERSION}\nScale={scale}\nShown={','.join(sorted(shown))}\n")


def on_top(shown: frozenset[str]) -> list[str]:
    """The panels that lie on top at first: of each node the first one that is open."""
    tops: dict[int, str] = {}
    for tag, slot in PANELS.items():
        if tag in shown:
            tops.setdefault(slot.node, tag)
    return list(tops.values())


def _node(number: int, parent: int, width: int, height: int, more: str = "") -> str:
    size = f"SizeRef={max(1, width)},{max(1, height)}"
    return f"  DockNode ID=0x{number:08X} Parent=0x{parent:08X} {size} {more}".rstrip()
