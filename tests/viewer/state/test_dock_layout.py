"""The default places of the docks and the file that remembers where they are."""

import re

import pytest

from viewer.state import dock_layout
from viewer.state.dock_layout import Area, DockSlot, number_of

SLOTS = [
    DockSlot("training", Area.SIDE_TOP),
    DockSlot("thresholds", Area.SIDE),
    DockSlot("view", Area.SIDE),
    DockSlot("sweep", Area.BELOW, shown=False),
    DockSlot("compare", Area.BELOW, shown=False),
]
TOY = DockSlot("toy", Area.SIDE)

OF_VERSION_1 = """[Window][###9001]
Pos=0,0
Size=1280,40
Collapsed=0
DockId=0x00000001,0

[Window][###9002]
Collapsed=0
DockId=0x00000005,0

[Window][###9003]
Collapsed=0
DockId=0x00000004,0

[Window][###9101]
Collapsed=0
DockId=0x00000006,0

[Window][###9102]
Collapsed=0
DockId=0x00000007,0

[Window][###9103]
Pos=300,200
Size=400,300
Collapsed=0

[Docking][Data]
DockSpace         ID=0x08BD597D Window=0x1BBC0F80 Pos=0,0 Size=1280,800 Split=Y
        DockNode  ID=0x00000005 Parent=0x0000000A SizeRef=936,470 CentralNode=1 NoTabBar=1 Selected=0x4A6D1FBF

[Firstlight][Layout]
Version=1
Scale=1.0
Shown=training,view
"""
"""As an earlier Firstlight wrote it: the panel View floats."""


def docked_in(text: str) -> dict[str, int]:
    """Each docked window's node, by the window's number."""
    entries = re.findall(r"\[Window\]\[###(\d+)\]\n(?:(?:Pos|Size|Collapsed)=.*\n)*DockId=0x(\w+),", text)
    return {number: int(node, 16) for number, node in entries}


def node_of(slot: DockSlot, text: str) -> int | None:
    return docked_in(text).get(str(number_of(slot.tag)))


@pytest.fixture
def file(tmp_path):
    """The default layout, saved."""
    file = tmp_path / "layout.ini"
    file.write_text(dock_layout.default_layout(SLOTS, 1280, 800, 1.0).text)
    dock_layout.stamp(file, 1.0, {"training", "view"})
    return file


def test_the_default_layout_names_every_window_once_and_each_in_a_node_that_exists():
    text = dock_layout.default_layout(SLOTS, 1280, 800, 1.0).text
    nodes = {int(number, 16) for number in re.findall(r"DockNode ID=0x(\w+)", text)}
    windows = re.findall(r"\[Window\]\[###(\d+)\]\nCollapsed=0\nDockId=0x(\w+),", text)
    tags = [*dock_layout.BARS, *(slot.tag for slot in SLOTS)]
    assert sorted(int(number) for number, _ in windows) == sorted(number_of(tag) for tag in tags)
    assert {int(node, 16) for _, node in windows} <= nodes


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_bars_and_side_grow_with_the_scale(scale):
    text = dock_layout.default_layout(SLOTS, 1280, 800, scale).text
    assert f"SizeRef=1280,{round(40 * scale)} NoResize" in text
    assert f"SizeRef={round(344 * scale)}," in text


def test_a_stamped_layout_is_loaded_at_the_same_scale_only(tmp_path):
    file, start = tmp_path / "layout.ini", dock_layout.default_layout(SLOTS, 1280, 800, 1.5)
    file.write_text(start.text)
    assert dock_layout.load(file, SLOTS, 1.5) is None, "not ours yet"
    dock_layout.stamp(file, 1.5, frozenset({"view", "training"}))
    assert dock_layout.load(file, SLOTS, 1.5).shown == {"view", "training"}
    assert dock_layout.load(file, SLOTS, 1.0) is None
    layout_without_panels = file.read_text().replace("Shown=training,view", "Shown=")
    file.write_text(layout_without_panels)
    assert dock_layout.load(file, SLOTS, 1.5).shown == frozenset()


def test_a_lost_or_broken_file_gives_the_default(tmp_path):
    file = tmp_path / "layout.ini"
    assert dock_layout.load(file, SLOTS, 1.0) is None
    file.write_bytes(b"\xff\xfe nonsense")
    assert dock_layout.load(file, SLOTS, 1.0) is None
    text = dock_layout.default_layout(SLOTS, 1280, 800, 1.0).text
    missing = text.replace(f"###{number_of('canvas')}]", "###1]")
    for broken in (missing, text.replace("[Docking][Data]", "")):
        file.write_text(broken)
        dock_layout.stamp(file, 1.0, frozenset())
        assert dock_layout.load(file, SLOTS, 1.0) is None


def test_a_new_panel_is_docked_at_its_default_place_and_the_others_stay(file):
    before = file.read_text()
    moved = before.replace("DockId=0x00000006,0", "DockId=0x00000009,7")  # Training, moved below by the user
    file.write_text(moved)
    found = dock_layout.load(file, [*SLOTS, TOY], 1.0)
    assert node_of(TOY, found.text) == TOY.area.value
    assert docked_in(found.text).items() - docked_in(moved).items() == {(str(number_of("toy")), TOY.area.value)}
    assert found.shown == {"training", "view", "toy"}, "the new panel is open by default, the others are as they were"
    assert found.on_top == (), "no panel is brought to the front"
    shut = DockSlot("toy", Area.SIDE, shown=False)
    assert dock_layout.load(file, [*SLOTS, shut], 1.0).shown == {"training", "view"}


def test_a_new_panel_of_a_split_area_is_docked_beside_another_of_that_area_or_floats(file):
    text = file.read_text().replace("Parent=0x00000008 SizeRef=344,442", "Parent=0x00000008 SizeRef=344,442 Split=Y")
    assert "Split=Y" in text.split("DockNode ID=0x00000007")[1].splitlines()[0]
    file.write_text(text.replace("DockId=0x00000007,1", "DockId=0x0000000C,0"))
    others = [slot for slot in SLOTS if slot.tag != "thresholds"]
    assert node_of(TOY, dock_layout.load(file, [*others, TOY], 1.0).text) == 0xC
    alone = [slot for slot in SLOTS if slot.area is not Area.SIDE]
    found = dock_layout.load(file, [*alone, TOY], 1.0)
    assert f"###{number_of('toy')}]" in found.text and node_of(TOY, found.text) is None


def test_a_removed_panel_leaves_the_others_in_place(file):
    found = dock_layout.load(file, SLOTS[1:], 1.0)
    assert found.shown == {"view"} and node_of(SLOTS[2], found.text) == Area.SIDE.value


def test_a_file_of_the_earlier_version_keeps_its_places(tmp_path):
    file = tmp_path / "layout.ini"
    file.write_text(OF_VERSION_1)
    found = dock_layout.load(file, SLOTS, 1.0)
    assert found.shown == {"training", "view"} and "###91" not in found.text
    assert f"[Window][###{number_of('view')}]\nPos=300,200\nSize=400,300\n" in found.text
    assert node_of(SLOTS[0], found.text) == Area.SIDE_TOP.value
    assert found.on_top == ("training", "view"), "its notes on which tabs lie on top can't be read any more"


def test_the_first_open_panel_of_each_area_lies_on_top():
    assert dock_layout.on_top(SLOTS, {"training", "thresholds", "view"}) == ("training", "thresholds")
    assert dock_layout.on_top(SLOTS, {"view"}) == ("view",)
    assert dock_layout.on_top(SLOTS, ()) == ()
