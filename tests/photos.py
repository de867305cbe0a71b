"""Writes posed images to disk in the formats of real photos: the same views in every format."""

import json
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from core.datasets.dataset import Views

LENS = {"k1": 0.05, "k2": -0.02, "p1": 0.001, "p2": -0.002}


def write_pictures(folder: Path, views: Views, factor: int = 1) -> list[str]:
    """Write the views as opaque images `images/000.png` (or `images_2/..` for a factor); returns their names."""
    inside = folder / ("images" if factor == 1 else f"images_{factor}")
    inside.mkdir(parents=True, exist_ok=True)
    names = [f"{index:03d}.png" for index in range(len(views))]
    for index, name in enumerate(names):
        picture = Image.fromarray(views.image(index).numpy()).convert("RGB")
        picture.reduce(factor).save(inside / name)
    return names


def saved(folder: Path, image: Image.Image, name: str = "picture.png", **options) -> Path:
    """Save an image and return its path; `options` as for Pillow's `save`."""
    image.save(folder / name, **options)
    return folder / name


def store_sideways(path: Path) -> None:
    """Store an image like a phone held upright: rotated to the left, with a tag that undoes it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(path) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def write_nerfstudio(folder: Path, views: Views, per_frame: bool = False, **more_keys) -> Path:
    """Write the views as `transforms.json`.

    Args:
        per_frame: write intrinsics into each frame instead of the root, as images of several sizes need.
        more_keys: more keys of the root.
    """
    frames = [
        {"file_path": f"images/{name}", "transform_matrix": views.cameras.c2w[index].tolist()}
        | (_lens(views, index) if per_frame else {})
        for index, name in enumerate(write_pictures(folder, views))
    ]
    write_json(folder, ({} if per_frame else _lens(views, 0)) | more_keys | {"frames": frames})
    return folder


def _lens(views: Views, index: int) -> dict[str, float]:
    camera = views.cameras[index]
    K = camera.K.tolist()
    lens = {"fl_x": K[0][0], "fl_y": K[1][1], "cx": K[0][2], "cy": K[1][2]}
    return lens | {"w": camera.width, "h": camera.height}


def write_json(folder: Path, transforms: dict) -> None:
    (folder / "transforms.json").write_text(json.dumps(transforms, indent=1))


def written_json(folder: Path) -> dict:
    return json.loads((folder / "transforms.json").read_text())


def llff_rows(views: Views, near: float, far: float) -> np.ndarray:
    """The views as LLFF's rows (n, 17)."""
    camera = views.cameras
    right, up, back, position = (camera.c2w[:, :3, i].numpy() for i in range(4))
    sizes = np.tile([camera.height, camera.width, float(camera.K[0, 0, 0])], (len(views), 1))
    matrices = np.stack([-up, right, back, position, sizes], axis=2).reshape(len(views), 15)
    return np.hstack([matrices, np.tile([near, far], (len(views), 1))])


def write_llff(folder: Path, views: Views, near: float = 2.0, far: float = 4.0) -> Path:
    """Write the views as `poses_bounds.npy`."""
    write_pictures(folder, views)
    np.save(folder / "poses_bounds.npy", llff_rows(views, near, far))
    return folder


def tiny_nerf_arrays(views: Views) -> dict[str, np.ndarray]:
    """The views as the arrays of tiny NeRF's .npz, opaque."""
    images = (views.images[..., :3].numpy() / 255.0).astype(np.float32)
    return {"images": images, "poses": views.cameras.c2w.numpy(), "focal": views.cameras.K[0, 0, 0].double().numpy()}


def write_tiny_nerf(path: Path, views: Views) -> Path:
    """Write the views as an .npz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **tiny_nerf_arrays(views))
    return path


def write_colmap(folder: Path, views: Views, model: str = "PINHOLE", params=None, points=None, binary=False) -> Path:
    """Write the views as a COLMAP model in `sparse/0`.

    Args:
        params: of the camera model, by default the pinhole's.
        points: (n, 3), seen by all views, by default eight around the origin.
    """
    import pycolmap

    where = folder / "sparse" / "0"
    where.mkdir(parents=True)
    camera, names = views.cameras, write_pictures(folder, views)
    K = camera.K[0].tolist()
    params = params or [K[0][0], K[1][1], K[0][2], K[1][2]]
    points = 0.3 * (np.indices((2, 2, 2)).reshape(3, -1).T - 0.5) if points is None else points
    params_text = " ".join(map(repr, params))
    (where / "cameras.txt").write_text(f"1 {model} {camera.width} {camera.height} {params_text}\n")
    lines = []
    for index, (name, c2w) in enumerate(zip(names, camera.c2w.double().numpy(), strict=True)):
        w2c = np.linalg.inv(c2w * np.array([1.0, -1.0, -1.0, 1.0]))
        x, y, z, w = pycolmap.Rotation3d(w2c[:3, :3]).quat
        pose = " ".join(repr(float(v)) for v in (w, x, y, z, *w2c[:3, 3]))
        seen = " ".join(f"1.0 1.0 {number + 1}" for number in range(len(points)))
        lines += [f"{index + 1} {pose} 1 {name}", seen]
    (where / "images.txt").write_text("\n".join(lines) + "\n")
    lines = []
    for number, point in enumerate(points):
        track = " ".join(f"{index + 1} {number}" for index in range(len(views)))
        lines.append(f"{number + 1} {' '.join(repr(float(v)) for v in point)} 9 9 9 0.5 {track}")
    (where / "points3D.txt").write_text("\n".join(lines) + "\n")
    if binary:
        pycolmap.Reconstruction(where).write_binary(where)
        for path in where.glob("*.txt"):
            path.unlink()
    return folder
