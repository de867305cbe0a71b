"""However a dataset's files are damaged, opening it gives a dataset or a one-line error."""

import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.datasets import open_dataset
from core.datasets.dataset import Dataset
from core.errors import DatasetError
from tests.ball import ball_views, write_ball, write_times
from tests.photos import (
    tiny_nerf_arrays,
    write_colmap,
    write_json,
    write_llff,
    write_nerfstudio,
    write_tiny_nerf,
    written_json,
)

VIEWS = ball_views(5, 8)


def write_masked(folder: Path) -> None:
    """`transforms.json` with a lens, and a mask for one image."""
    write_nerfstudio(folder, VIEWS, k1=0.01, camera_model="OPENCV")
    Image.fromarray(np.eye(8) > 0.0).save(folder / "mask.png")
    transforms = written_json(folder)
    transforms["frames"][1]["mask_path"] = "mask.png"
    write_json(folder, transforms)


def write_dnerf(folder: Path) -> None:
    write_ball(folder, 8, train=4, test=1)
    write_times(folder, "train", [0.0, 0.3, 0.6, 1])
    write_times(folder, "test", [0.5])


WRITERS = {
    "blender": lambda folder: write_ball(folder, 8, train=4, test=1),
    "nerfstudio": write_masked,
    "llff": lambda folder: write_llff(folder, VIEWS),
    "colmap text": lambda folder: write_colmap(folder, VIEWS),
    "dnerf": write_dnerf,
    "tiny nerf": lambda folder: write_tiny_nerf(folder / "scene.npz", VIEWS),
    "colmap binary": lambda folder: write_colmap(folder, VIEWS, binary=True),
}

MOST_SECONDS = 2.0

SETTINGS = settings(
    max_examples=30,
    deadline=None,  # a busy machine may stall; CPU time is checked below
    phases=[Phase.generate],  # shrinking a failure would take minutes
    derandomize=True,  # the same examples on every machine
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

FLOATS = st.floats(allow_subnormal=False)  # the engine flushes those to zero

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**400) | FLOATS | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


def open_mutated(template: Path, mutate) -> None:
    """Copy a dataset, change it and open it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "scene"
        shutil.copytree(template, copy)
        mutate(copy)
        began = time.process_time()
        try:
            dataset = open_dataset(next(copy.glob("*.npz"), copy))
        except DatasetError as error:
            assert time.process_time() - began < MOST_SECONDS
            assert "\n" not in str(error) and str(error)
        else:
            assert time.process_time() - began < MOST_SECONDS
            assert isinstance(dataset, Dataset)
            assert len(dataset.train) >= 2
            cameras = dataset.train.cameras
            assert np.isfinite(cameras.c2w.numpy()).all() and np.isfinite(cameras.K.numpy()).all()
            assert dataset.train.cameras.times is None or np.isfinite(dataset.train.cameras.times.numpy()).all()
            assert np.isfinite(dataset.box).all() and dataset.near_plane >= 0.0


@pytest.mark.parametrize("name", WRITERS)
@SETTINGS
@given(data=st.data())
def test_damaged_files(templates, name, data):
    def mutate(copy: Path) -> None:
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        if name != "llff":  # images are all alike, so damage the poses more often than their number suggests
            poses = [path for path in files if path.suffix != ".png"]
            files = poses * 3 + files
        path = data.draw(st.sampled_from(files))
        content = path.read_bytes()
        kind = data.draw(st.sampled_from(["cut", "flip", "flip", "flip", "replace", "remove", "empty", "folder"]))
        if kind == "cut":
            content = content[: data.draw(st.integers(0, len(content)))]
        elif kind == "flip":
            for _ in range(data.draw(st.integers(1, 8))):
                place = data.draw(st.integers(0, max(0, len(content) - 1)))
                content = content[:place] + bytes([data.draw(st.integers(0, 255))]) + content[place + 1 :]
        elif kind == "replace":
            content = data.draw(st.binary(max_size=64))
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind != "remove":
            path.write_bytes(b"" if kind == "empty" else content)

    open_mutated(templates / name, mutate)


@pytest.mark.parametrize("name", ["blender", "dnerf", "nerfstudio"])
@SETTINGS
@given(data=st.data())
def test_json_with_other_values(templates, name, data):
    def mutate(copy: Path) -> None:
        path = next(path for path in sorted(copy.iterdir()) if path.name.endswith(("train.json", "transforms.json")))
        transforms = json.loads(path.read_text())
        at = transforms
        while True:
            key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
                break
            at = at[key]
        at[key] = data.draw(JSON)
        path.write_text(json.dumps(transforms))

    open_mutated(templates / name, mutate)


@SETTINGS
@given(values=st.lists(FLOATS, min_size=85, max_size=85))
def test_llff_with_other_numbers(templates, values):
    open_mutated(templates / "llff", lambda copy: np.save(copy / "poses_bounds.npy", np.array(values).reshape(5, 17)))


ARRAYS = tiny_nerf_arrays(VIEWS)


@SETTINGS
@given(data=st.data())
def test_tiny_nerf_with_other_arrays(templates, data):
    def mutate(copy: Path) -> None:
        name = data.draw(st.sampled_from(sorted(ARRAYS)))
        kind = data.draw(st.sampled_from(["values", "shape", "type"]))
        array = np.array(ARRAYS[name])
        if kind == "values":
            flat = array.reshape(-1).copy()
            for _ in range(data.draw(st.integers(1, 4))):
                flat[data.draw(st.integers(0, flat.size - 1))] = data.draw(st.floats(width=32, allow_subnormal=False))
            array = flat.reshape(array.shape)
        elif kind == "shape":
            array = array[tuple(slice(data.draw(st.integers(0, side))) for side in array.shape)]
        else:
            array = array.astype(data.draw(st.sampled_from(["?", "u1", "i8", "f2", "c8", "S4", "U3", "M8[s]", "V4"])))
        np.savez(copy / "scene.npz", **ARRAYS | {name: array})

    open_mutated(templates / "tiny nerf", mutate)
