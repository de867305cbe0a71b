"""README and the READMEs of folders: the main one is short, links work, and examples run."""

import ast
import re

import pytest
from PIL import Image

from core.commands import check
from core.config.contractions import CONTRACTIONS
from core.config.read_options import ReadOptions
from core.datasets import FORMATS
from core.datasets.formats import blender, tiny_nerf, video
from core.fields import FIELDS
from core.samplers import SAMPLERS
from tests.readme import README, REPOSITORY, python_block, python_blocks, readmes
from tests.viewer.live import write_quick_ball
from viewer.panels import PANELS

MOST_LINES = 150
MOST_BYTES = 3_000_000
"""Largest size of the animation."""

FOLDERS = ("core", "core/datasets", "core/kernels", "tests/benchmarks", "viewer")

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def text_of(path) -> str:
    """A README without its code blocks, whose brackets are no links."""
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors_of(path) -> set[str]:
    """The anchors of a README's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_is_short_and_begins_with_an_animation():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    moving = REPOSITORY / _LINK.search(text).group(1)
    assert moving.stat().st_size < MOST_BYTES
    with Image.open(moving) as picture:
        assert picture.n_frames > 60
    assert text.splitlines()[2].startswith("![")


def test_folders_have_their_readmes_and_the_main_one_links_them_all():
    linked = {(README.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(text_of(README))}
    for folder in FOLDERS:
        assert REPOSITORY / folder / "README.md" in linked
    assert set(readmes()) - {README} <= linked


@pytest.mark.parametrize("path", readmes(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_links_work(path):
    links = _LINK.findall(text_of(path))
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists() and there.is_relative_to(REPOSITORY), f"{path}: {link}"
        if anchor:
            assert anchor in anchors_of(there), f"{path}: {link} is not the anchor of a heading"


def test_every_picture_for_the_readmes_is_used():
    shown = {(path.parent / link).resolve() for path in readmes() for link in _LINK.findall(text_of(path))}
    assert set((REPOSITORY / "assets/readme").iterdir()) <= shown


def test_a_test_runs_every_example():
    """Tests identify a block by a word in it."""
    tests = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("test_*.py")]
    words = {word for text in tests for _, word in re.findall(r"python_block\(([\"'])(.+?)\1\)", text)}
    for block in python_blocks():
        ast.parse(block)
        assert any(word in block for word in words), f"no test runs this example:\n{block}"


def test_examples_are_registered_where_others_of_their_kind_are():
    """The tests that run them register them in a folder of their own."""
    lists = "".join(path.read_text(encoding="utf-8") for path in REPOSITORY.glob("[cv]*/*/__init__.py"))
    lines = [
        found
        for path in readmes()
        for found in re.findall(r'^(\w+\.register\()".+?", ("[\w.]+\.)\w+"\)$', path.read_text(encoding="utf-8"), re.M)
    ]
    assert len(lines) == 5
    for register, folder in lines:
        assert re.search(rf"^{re.escape(register)}.+ {re.escape(folder)}", lists, re.M), f"{register}.. {folder}.."


def test_the_library_example_and_the_field_without_a_base_class_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ball = write_quick_ball(tmp_path / "ball")
    library = python_block("new_trainer").replace('"demo"', f'"{ball}"').replace("seconds < 20", "seconds < 0.5")
    assert str(ball) in library and "0.5" in library
    names = {}
    exec(library, names)
    assert Image.open(tmp_path / "orrery.png").size == (400, 400)
    assert names["stats"].step > 0
    exec(python_block("class Ball"), names)
    colors = names["render_image"](
        names["Ball"](), names["trainer"].sampler, names["camera"].resized(16, 16),
        names["trainer"].settings.march, names["torch"].ones(3),
    ).colors  # fmt: skip
    assert colors.shape == (16, 16, 3) and bool(colors.isfinite().all())


def test_files_and_modules_in_the_text_exist():
    for path in readmes():
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"`((?:\w+/)+\w+\.(?:py|md|h))`", text):
            assert (REPOSITORY / name).exists() or (path.parent / name).exists(), f"{path}: {name}"
        for module in re.findall(r"python -m (tests[\w.]+)", text):
            place = REPOSITORY / module.replace(".", "/")
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), f"{path}: {module}"


@pytest.mark.parametrize("base", ["core", "viewer"])
def test_the_readme_of_a_part_lists_its_folders(base):
    text = (REPOSITORY / base / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (REPOSITORY / base).glob("*/__init__.py")}
    assert folders == set(re.findall(r"^\| \[?`(\w+)/`", text, re.MULTILINE))


def test_each_panel_is_described():
    headings = anchors_of(REPOSITORY / "viewer/README.md")
    assert {panel.title.lower().replace(" ", "-") for panel in PANELS.values()} <= headings


def test_each_method_is_described():
    text = (REPOSITORY / "core/README.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([a-z][\w-]*)` \|", text, re.MULTILINE))
    assert described == {*FIELDS, *SAMPLERS, *CONTRACTIONS}


def test_each_format_is_described():
    text = (REPOSITORY / "core/datasets/README.md").read_text(encoding="utf-8")
    for form in FORMATS.values():
        assert not form.index or form.index in text, form.name
    for name in (blender.TRAIN_FILE, blender.TEST_FILE, blender.VAL_FILE, tiny_nerf.SUFFIX, *video.SUFFIXES):
        assert f"`{name}`" in text


def test_check_prints_what_the_readme_shows(data, capsys):
    text = (REPOSITORY / "core/datasets/README.md").read_text(encoding="utf-8")
    shown = re.search(r"```text\n\$ run_viewer.py check .*?\n(.*?)```", text, re.DOTALL).group(1).splitlines()
    assert check.main(str(data / "fox"), ReadOptions(downscale=4), None, {}) == 0
    printed = capsys.readouterr().out
    for line in (line for line in shown if line != "..."):
        assert all(part in printed for part in line.split(" ... ")), line


def test_troubleshooting_quotes_real_messages():
    """`..` stands for the variable parts."""
    text = (REPOSITORY / "core/datasets/README.md").read_text(encoding="utf-8")
    text = text.split("## Troubleshooting")[1].split("\n## ")[0]
    constants = [
        node.value
        for path in (REPOSITORY / "core/datasets").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    quotes = [quote for row in re.findall(r"^\| (.*?) \|", text, re.MULTILINE) for quote in re.findall(r"`(.+?)`", row)]
    assert len(quotes) > 8
    for part in (part.strip() for quote in quotes for part in quote.split("..")):
        assert any(part in text for text in constants), f"no message contains {part!r}"
