"""The rules of the house: which file may import which, what every file and folder must have, and where tests belong.

They are checked on the source text; no code is run.
"""

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

TOP_LEVEL = {
    ".ci", ".gitignore", "LICENSE", "README.md", "assets", "core", "pyproject.toml", "requirements.txt",
    "run_viewer.py", "tests", "viewer",
}  # fmt: skip

CORE_ORDER = (
    ("config", "errors", "files", "process"),
    ("geometry",),
    ("flights",),
    ("films",),
    ("kernels",),
    ("compat",),
    ("datasets",),
    ("fields",),
    ("samplers",),
    ("rendering",),
    ("training",),
    ("self_check",),
    ("commands",),
    ("command_line",),
)
VIEWER_ORDER = (
    ("protocol",),
    ("picture",),
    ("input",),
    ("scene",),
    ("tools",),
    ("session",),
    ("state",),
    ("presentation",),
    ("widgets",),
    ("panels",),
    ("window",),
    ("command_line",),
)
"""Parts of core and viewer; each one imports only parts in rows above it, or in its own row."""

WINDOW = ("viewer/window.py", "viewer/panels/", "viewer/widgets/")
"""The files that may import Dear PyGui."""

ORDERS = {"core": CORE_ORDER, "viewer": VIEWER_ORDER}

LONGEST = 300
"""Most lines of a file: short enough to keep its subject in mind."""

EXPLAINED = (
    "",
    "core",
    "core/compat",
    "core/datasets",
    "core/kernels",
    "viewer",
    "tests/benchmarks",
    "tests/pretended_cuda",
)
"""Folders that must have a README."""

NOT_MIRRORED = {
    "core/datasets/formats/test_lego.py": "the official scene, through its format",
    "core/datasets/formats/test_mutations.py": "hostile values, in the files of all formats",
    "core/datasets/loading/test_same_rays.py": "the same photos through several formats",
    "core/datasets/loading/test_views.py": "views read by all formats",
    "core/datasets/test_open_dataset.py": "the function of the package",
    "core/fields/test_dynamic.py": "the fields with time",
    "core/kernels/test_backends.py": "Warp's kernels against nerfacc's",
    "core/kernels/test_cuda_branch.py": "CUDA's branches of all headers, emulated",
    "core/kernels/test_cuda_compiles.py": "all modules, compiled for CUDA",
    "core/kernels/test_headers.py": "all headers, each alone, and their constants",
    "core/kernels/test_on_cuda.py": "all modules, on a GPU",
    "core/training/test_moving_scenes.py": "scenes with time, from grid to picture",
    "viewer/session/test_methods.py": "the session, while methods change",
    "viewer/session/test_moving_scene.py": "the session on a scene with time",
    "viewer/session/test_session_failures.py": "the session, when something fails",
    "viewer/session/test_session_thread.py": "the session on its own thread",
}
"""Tests of core and viewer without a source file of the same name, and their subjects."""


def sources(folder: str) -> list[Path]:
    return sorted((REPOSITORY / folder).rglob("*.py"))


@cache
def imports(path: Path) -> set[str]:
    """The modules a file imports, anywhere in it, by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import; the house imports modules by their full names"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def importers(package: str, *folders: str) -> set[str]:
    """The files that import a package, as paths from the repository's root; by default, of all our code."""
    paths = [path for folder in folders or ("core", "viewer") for path in sources(folder)]
    if not folders:
        paths.append(REPOSITORY / "run_viewer.py")
    return {
        path.relative_to(REPOSITORY).as_posix()
        for path in paths
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


def test_core_does_not_import_the_viewer():
    assert not importers("viewer", "core")
    assert not importers("run_viewer", "core", "viewer")
    assert not importers("tests", "core", "viewer")


def test_only_the_window_and_its_panels_import_dearpygui():
    strays = {
        p
        for p in importers("dearpygui")
        if p != "viewer/window.py" and not p.startswith(("viewer/panels/", "viewer/widgets/"))
    }
    assert not strays
    assert "viewer/window.py" in importers("dearpygui")


def test_only_the_command_that_opens_it_imports_the_window():
    assert importers("viewer.window") <= {"viewer/command_line/view.py"}
    assert {p for p in importers("viewer.panels") if not p.startswith("viewer/panels/")} <= {"viewer/window.py"}


def test_only_kernels_import_warp():
    assert importers("warp")
    assert all(path.startswith("core/kernels/") for path in importers("warp"))


def test_at_most_one_file_imports_nerfacc():
    assert len(importers("nerfacc")) <= 1


def test_only_one_file_imports_matplotlib_and_only_when_it_draws():
    assert importers("matplotlib") == {"core/commands/plots.py"}
    for node in ast.parse((REPOSITORY / "core/commands/plots.py").read_text()).body:
        assert not (isinstance(node, ast.Import | ast.ImportFrom) and "matplotlib" in ast.unparse(node))


def test_the_windows_files_do_not_import_torch():
    assert not {
        p for p in importers("torch") if p.startswith(("viewer/panels/", "viewer/widgets/")) or p == "viewer/window.py"
    }


@pytest.mark.parametrize("base", ORDERS)
def test_a_part_imports_only_parts_above_it(base):
    ranks = {part: rank for rank, parts in enumerate(ORDERS[base]) for part in parts}
    found = {path.relative_to(REPOSITORY / base).parts[0].removesuffix(".py") for path in sources(base)} - {"__init__"}
    assert found == ranks.keys()
    for part in ranks:
        file = REPOSITORY / base / f"{part}.py"
        for path in [file] if file.exists() else sources(f"{base}/{part}"):
            used = {name.split(".")[1] for name in imports(path) if name.startswith(f"{base}.")} & ranks.keys()
            strays = sorted(other for other in used if ranks[other] > ranks[part])
            assert not strays, f"{path.relative_to(REPOSITORY)} imports {strays}"


@pytest.mark.parametrize("base", ORDERS)
def test_every_folder_has_a_docstring(base):
    silent = [
        path.parent.relative_to(REPOSITORY).as_posix()
        for path in {source.parent / "__init__.py" for source in sources(base)}
        if not path.exists() or not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


@pytest.mark.parametrize("folder", EXPLAINED)
def test_larger_folders_have_a_readme(folder):
    assert (REPOSITORY / folder / "README.md").is_file()


def test_no_file_is_too_long():
    paths = [REPOSITORY / "run_viewer.py", *sources("core"), *sources("viewer")]
    lengths = {path.relative_to(REPOSITORY).as_posix(): len(path.read_text().splitlines()) for path in paths}
    assert not {name: n for name, n in lengths.items() if n > LONGEST}


def test_class_names_are_unique():
    homes: dict[str, list[str]] = {}
    for path in [*sources("core"), *sources("viewer")]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(path.relative_to(REPOSITORY).as_posix())
    assert not {name: files for name, files in homes.items() if len(files) > 1}


def test_cpp_code_is_in_headers():
    kernels = REPOSITORY / "core" / "kernels"
    assert sorted((kernels / "cpp").glob("*.h"))
    found = {path.relative_to(kernels).as_posix() for path in sources("core/kernels") if _holds_code_as_text(path)}
    assert not found


def _holds_code_as_text(path: Path) -> bool:
    """Whether a file is named after code, executes or replaces text, or has a string of several statements."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    runs = any(isinstance(call.func, ast.Name) and call.func.id in ("exec", "eval") for call in calls)
    replaces = any(
        isinstance(call.func, ast.Attribute) and call.func.attr == "replace" and len(call.args) > 1 for call in calls
    )
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]
    return path.stem.endswith("_code") or runs or replaces or any(text.count(";\n") > 1 for text in strings)


@pytest.mark.parametrize("base", ORDERS)
def test_tests_mirror_the_code(base):
    for path in (REPOSITORY / "tests" / base).rglob("test_*.py"):
        name = path.relative_to(REPOSITORY / "tests")
        code = REPOSITORY / name.with_name(name.name.removeprefix("test_"))
        adds_one = name.name.startswith("test_new_")  # a toy format, field, panel .. in the test's own folder
        of_folder = name.stem.removeprefix("test_") == name.parent.name
        known = adds_one or of_folder or name.as_posix() in NOT_MIRRORED
        assert known or code.exists() or code.with_suffix("").is_dir(), f"{name} has no source file of the same name"


def test_the_top_folder_has_nothing_else():
    tracked = _tracked()
    if tracked is None:
        pytest.skip("needs git, to list the project's files")
    assert {name.split("/")[0] for name in tracked} <= TOP_LEVEL


def _tracked() -> list[str] | None:
    try:
        listed = subprocess.run(
            ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return listed.stdout.split("\n")[:-1]
