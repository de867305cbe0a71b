"""The docks' first places and the file that remembers them."""

import re

import pytest

from viewer.state import dock_layout


def test_the_default_layout_names_every_window_once_and_each_in_a_node_that_exists():
    text = dock_layout.default_layout(1280, 800, 1.0).text
    nodes = {int(number, 16) for number in re.findall(r"DockNode ID=0x(\w+)", text)}
    windows = re.findall(r"\[Window\]\[###(\d+)\]\nCollapsed=0\nDockId=0x(\w+),", text)
    slots = dock_layout.BARS | dock_layout.PANELS
    assert sorted(int(number) for number, _ in windows) == sorted(slot.number for slot in slots.values())
    assert {int(node, 16) for _, node in windows} <= nodes


def test_numbers_are_unique():
    slots = [*dock_layout.BARS.values(), *dock_layout.PANELS.values()]
    assert len({slot.number for slot in slots}) == len(slots)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_bars_and_side_grow_with_the_scale(scale):
    text = dock_layout.default_layout(1280, 800, scale).text
    assert f"SizeRef=1280,{round(40 * scale)} NoResize" in text
    assert f"SizeRef={round(344 * scale)}," in text


def test_what_was_stamped_is_loaded_at_the_same_scale_only(tmp_path):
    file, start = tmp_path / "layout.ini", dock_layout.default_layout(1280, 800, 1.5)
    file.write_text(start.text)
    assert dock_layout.load(file, 1.5) is None, "not ours yet"
    dock_layout.stamp(file, 1.5, frozenset({"view", "training"}))
    assert dock_layout.load(file, 1.5).shown == {"view", "training"}
    assert dock_layout.load(file, 1.0) is None
    layout_without_panels = file.read_text().replace("Shown=training,view", "Shown=")
    file.write_text(layout_without_panels)
    assert dock_layout.load(file, 1.5).shown == frozenset()


def test_a_lost_broken_or_older_file_gives_the_default(tmp_path):
    file = tmp_path / "layout.ini"
    assert dock_layout.load(file, 1.0) is None
    file.write_bytes(b"\xff\xfe nonsense")
    assert dock_layout.load(file, 1.0) is None
    text = dock_layout.default_layout(1280, 800, 1.0).text
    missing = text.replace(f"###{dock_layout.PANELS['view'].number}]", "###1]")
    for broken in (missing, text.replace("[Docking][Data]", "")):
        file.write_text(broken)
        dock_layout.stamp(file, 1.0, frozenset())
        assert dock_layout.load(file, 1.0) is None


def test_the_first_open_panel_of_each_node_lies_on_top():
    assert dock_layout.on_top(frozenset({"training", "thresholds", "view"})) == ["training", "thresholds"]
    assert dock_layout.on_top(frozenset({"view"})) == ["view"]
    assert dock_layout.on_top(frozenset()) == []
