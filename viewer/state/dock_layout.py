"""Where each window is docked at first, and the file that remembers where the user moved it.

The file is Dear ImGui's own, with a section of ours at its end: the version, the scale and the open panels. It knows a
window by a number made from its tag, so a panel that joins later finds its place in a file that others wrote, and the
others stay where they are. A file of another scale or without the window's bars is ignored.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

VERSION = 2

_TOOLBAR, _CANVAS, _STATUS, _SIDE_TOP, _SIDE, _BELOW = 1, 5, 4, 6, 7, 9
"""Numbers of the dock's nodes."""

TOOLBAR_HEIGHT, STATUS_HEIGHT, SIDE_WIDTH, SIDE_TOP_HEIGHT, BELOW_HEIGHT = 40, 26, 344, 292, 264
"""Sizes at scale 1, in pixels."""

_DOCKSPACE, _HOST = 0x08BD597D, 0x1BBC0F80
"""Dear ImGui's numbers of the dock that covers the viewport, and of its host window."""

_SECTION = "[Firstlight][Layout]"

BARS = {"toolbar": _TOOLBAR, "canvas": _CANVAS, "status": _STATUS}
"""The windows that are always there, by tag, and their nodes."""

_VERSION_1 = {
    9001: "toolbar", 9002: "canvas", 9003: "status", 9101: "training", 9102: "thresholds", 9103: "view",
    9110: "sweep", 9120: "compare", 9130: "images", 9140: "inspector", 9150: "grid", 9160: "place",
    9170: "dataset", 9180: "method",
}  # fmt: skip
"""The numbers that windows had in files of version 1."""


class Area(Enum):
    """Where a panel can be docked at first: the two parts of the side, or a strip under the picture that takes no room
    while all its panels are closed."""

    SIDE_TOP = _SIDE_TOP
    SIDE = _SIDE
    BELOW = _BELOW


@dataclass(frozen=True)
class DockSlot:
    """Where the panel of a tag is docked at first, and whether it is open at first."""

    tag: str
    area: Area
    shown: bool = True


@dataclass(frozen=True)
class DockLayout:
    """The layout that the window starts with.

    Attributes:
        text: Dear ImGui's settings.
        shown: tags of the open panels.
        on_top: tags of the panels to bring to the front of their tabs; none where the settings say which are.
    """

    text: str
    shown: frozenset[str]
    on_top: tuple[str, ...] = ()


def number_of(tag: str) -> int:
    """The number by which the layout's file knows a window; Dear PyGui's own numbers stay far below."""
    return 1 << 32 | zlib.crc32(tag.encode())


def default_layout(slots: Iterable[DockSlot], width: int, height: int, scale: float) -> DockLayout:
    """The first layout of panels, in the order of their tabs, for a window of some size in pixels."""
    px = lambda size: round(size * scale)  # noqa: E731
    middle, side = height - px(TOOLBAR_HEIGHT) - px(STATUS_HEIGHT), px(SIDE_WIDTH)
    top, strip = px(SIDE_TOP_HEIGHT), px(BELOW_HEIGHT)
    bar = "NoResize=1 NoTabBar=1"
    nodes = [
        f"DockSpace ID=0x{_DOCKSPACE:08X} Window=0x{_HOST:08X} Pos=0,0 Size={width},{height} Split=Y",
        _node(_TOOLBAR, _DOCKSPACE, width, px(TOOLBAR_HEIGHT), bar),
        _node(2, _DOCKSPACE, width, middle + px(STATUS_HEIGHT), "Split=Y"),
        _node(3, 2, width, middle, "Split=X"),
        _node(10, 3, width - side, middle, "Split=Y"),
        _node(_CANVAS, 10, width - side, middle - strip, "CentralNode=1 NoTabBar=1"),
        _node(_BELOW, 10, width - side, strip),
        _node(8, 3, side, middle, "Split=Y"),
        _node(_SIDE_TOP, 8, side, top),
        _node(_SIDE, 8, side, middle - top),
        _node(_STATUS, 2, width, px(STATUS_HEIGHT), bar),
    ]
    slots = tuple(slots)
    windows = [f"[Window][WindowOverViewport_11111111]\nPos=0,0\nSize={width},{height}\nCollapsed=0\n"]
    tabs: dict[int, int] = {}
    for tag, node in (*BARS.items(), *((slot.tag, slot.area.value) for slot in slots)):
        tabs[node] = tabs.get(node, -1) + 1
        windows.append(_window(tag, node, tabs[node]))
    shown = frozenset(slot.tag for slot in slots if slot.shown)
    return DockLayout("\n".join([*windows, "[Docking][Data]", *nodes, ""]), shown, on_top(slots, shown))


def load(file: Path, slots: Iterable[DockSlot], scale: float) -> DockLayout | None:
    """The layout that was saved at this scale, with places for the panels that it doesn't know; None if there is none.

    A panel that is new stands in its first area where that is still whole, else beside a panel of the same area, else
    it floats.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found = re.search(rf"{re.escape(_SECTION)}\nVersion=([12])\nScale=([\d.]+)\nShown=([\w,]*)\n", text)
    if found is None or float(found[2]) != scale or "[Docking][Data]" not in text or f"ID=0x{_CANVAS:08X}" not in text:
        return None
    if found[1] == "1":
        text = re.sub(r"^\[Window\]\[###(\d+)\]", _renumbered, text, flags=re.MULTILINE)
    windows = dict(re.findall(r"^\[Window\]\[###(\d+)\]\n((?:.+\n)*)", text, flags=re.MULTILINE))
    if not {str(number_of(tag)) for tag in BARS} <= windows.keys():
        return None
    slots, shown = tuple(slots), frozenset(found[3].split(","))
    nodes = {slot.tag: _docked_in(windows.get(str(number_of(slot.tag)), "")) for slot in slots}
    new = [slot for slot in slots if str(number_of(slot.tag)) not in windows]
    added = []
    for slot in new:
        beside = (nodes[other.tag] for other in slots if other.area is slot.area)
        whole = slot.area.value if _is_whole(slot.area.value, text) else None
        node = whole or next(filter(None, beside), None)
        added.append(_window(slot.tag, node, len(slots)))
    text = text.replace("[Docking][Data]", "\n".join([*added, "[Docking][Data]"]), 1)
    open_ = {slot.tag for slot in slots if (slot.shown if slot in new else slot.tag in shown)}
    # the tabs that lie on top are known by numbers made from a window's own
    return DockLayout(text, frozenset(open_), on_top(slots, open_) if found[1] == "1" else ())


def stamp(file: Path, scale: float, shown: Iterable[str]) -> None:
    """Add our section to a file that Dear ImGui has written.

    Args:
        shown: tags of the open panels.
    """
    with file.open("a", encoding="utf-8") as end:
        end.write(f"\n{_SECTION}\nVersion={VERSION}\nScale={scale}\nShown={','.join(sorted(shown))}\n")


def on_top(slots: Iterable[DockSlot], shown: Iterable[str]) -> tuple[str, ...]:
    """The panels that lie on top at first: of each area the first one that is open."""
    shown, tops = frozenset(shown), {}
    for slot in slots:
        if slot.tag in shown:
            tops.setdefault(slot.area, slot.tag)
    return tuple(tops.values())


def _window(tag: str, node: int | None, tab: int) -> str:
    """A window's entry; without a node it floats."""
    docked = "" if node is None else f"DockId=0x{node:08X},{tab}\n"
    return f"[Window][###{number_of(tag)}]\nCollapsed=0\n{docked}"


def _docked_in(entry: str) -> int | None:
    """The node that a window's entry names."""
    found = re.search(r"^DockId=0x(\w+)", entry, flags=re.MULTILINE)
    return None if found is None else int(found[1], 16)


def _is_whole(node: int, text: str) -> bool:
    """Whether there is such a node and it has not been split: only then can a window be docked into it."""
    found = re.search(rf"^ *DockNode +ID=0x{node:08X} .*$", text, flags=re.MULTILINE)
    return found is not None and "Split=" not in found[0]


def _renumbered(window: re.Match[str]) -> str:
    tag = _VERSION_1.get(int(window[1]))
    return window[0] if tag is None else f"[Window][###{number_of(tag)}]"


def _node(number: int, parent: int, width: int, height: int, more: str = "") -> str:
    size = f"SizeRef={max(1, width)},{max(1, height)}"
    return f"  DockNode ID=0x{number:08X} Parent=0x{parent:08X} {size} {more}".rstrip()
