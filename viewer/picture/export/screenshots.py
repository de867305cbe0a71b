"""Pictures that contain everything needed to render them again.

The metadata is JSON in a PNG text chunk named `firstlight`. A file is never overwritten: each picture takes the next
free number.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.config.march import MarchSettings
from core.config.setting import from_json, value_from_json
from core.errors import FirstlightError
from core.files import write_numbered
from core.films.png import eight_bits, png_bytes
from core.films.spherical import XMP, panorama_xmp
from viewer import __version__
from viewer.protocol.optics import CameraModel, Optics
from viewer.protocol.requests import PhotoId, Pose, SceneRay, ScreenshotRequest, Trail, ViewRequest
from viewer.protocol.view_settings import view_from

KEYWORD = "firstlight"
COORDINATES = "the dataset's own units and axes; the camera's are OpenGL's: +x right, +y up, -z forward"
"""The axes of a picture's camera, as its metadata say. Loading a dataset never moves or scales it."""

FORMAT = 1
"""Version of the metadata's layout; others are refused."""


def save(request: ScreenshotRequest, rgba: np.ndarray, name: str, step: int, dataset: str, **more: Any) -> Path:
    """Write a picture as PNG, 8 bits per channel: RGBA if the request is transparent, RGB otherwise.

    Args:
        rgba: (height, width, 4) float32 in [0, 1], straight alpha.
        name: the scene's; the file is NAME-stepNNNNNN-001.png in the request's folder.
        step: the training step whose weights it shows.
        dataset: the path of the scene's dataset.
        more: further entries of the metadata, such as the device; JSON types.

    Returns:
        The new file's path.

    Raises:
        FirstlightError: the folder can't be made or written.
    """
    content = encode(request, rgba, step, dataset, **more)
    return write_numbered(request.folder, name, step, ".png", content)


def encode(request: ScreenshotRequest, rgba: np.ndarray, step: int, dataset: str, **more: Any) -> bytes:
    """The PNG file that `save` writes."""
    pixels = eight_bits(rgba[..., : 4 if request.transparent else 3])
    texts = {KEYWORD: json.dumps(metadata_of(request, step, dataset) | more, ensure_ascii=False)}
    if request.view.optics.camera_model is not CameraModel.PERSPECTIVE:
        texts[XMP] = panorama_xmp(request.view.width, request.view.height)
    return png_bytes(pixels, texts)


def metadata_of(request: ScreenshotRequest, step: int, dataset: str) -> dict[str, Any]:
    """A picture's metadata, as JSON types."""
    view = request.view
    return {
        "program": f"Firstlight {__version__}",
        "format": FORMAT,
        "dataset": dataset,
        "step": step,
        "width": view.width,
        "height": view.height,
        "camera": {
            "c2w": list(view.pose.c2w),
            "fov_y": view.pose.fov_y,
            "time": view.pose.time,
            "coordinates": COORDINATES,
        },
        "march": dataclasses.asdict(view.march),
        "other": None if view.other is None else dataclasses.asdict(view.other),
        "runs": list(view.runs),
        "photo": None if view.photo is None else dataclasses.asdict(view.photo),
        "view": dataclasses.asdict(view.view),
        "optics": dataclasses.asdict(view.optics),
        "transparent": request.transparent,
        "ray": dataclasses.asdict(view.ray) if view.ray else None,
        "trail": dataclasses.asdict(view.trail) if view.trail else None,
    }


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of one of our pictures, as `metadata_of` wrote them.

    Raises:
        FirstlightError: the file doesn't exist, is no PNG, or is not one of ours; the message names it.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            text = getattr(picture, "text", {}).get(KEYWORD)
    except FileNotFoundError:
        raise FirstlightError(f"there is no file {path}: name a screenshot saved from the window") from None
    except (OSError, ValueError, SyntaxError) as e:
        raise FirstlightError(f"{path} can't be read as a PNG picture ({e}): name a screenshot of ours") from e
    if text is None:
        raise FirstlightError(f"{path} has no '{KEYWORD}' metadata: name a screenshot saved from the window, unedited")
    try:
        metadata = json.loads(text)
    except json.JSONDecodeError as e:
        raise FirstlightError(f"the '{KEYWORD}' metadata of {path} is broken ({e}): take the screenshot again") from e
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        found = metadata.get("format") if isinstance(metadata, dict) else type(metadata).__name__
        raise FirstlightError(f"the metadata of {path} has format {found!r}, expected {FORMAT}: update Firstlight")
    return metadata


def request_from(metadata: dict[str, Any]) -> ScreenshotRequest:
    """The request that renders the picture again, with an empty folder and serial 0.

    Raises:
        FirstlightError: an entry is missing or out of range; the message names it.
    """
    try:
        camera = metadata["camera"]
        c2w = value_from_json(tuple[float, ...], camera["c2w"], "c2w")
        if len(c2w) != 16:
            raise ValueError(f"c2w must have 16 numbers, got {len(c2w)}")
        again = ViewRequest(
            pose=Pose(c2w, value_from_json(float, camera["fov_y"], "fov_y"), _time_from(camera.get("time"))),
            width=value_from_json(int, metadata["width"], "width"),
            height=value_from_json(int, metadata["height"], "height"),
            march=from_json(MarchSettings, metadata["march"]),
            view=view_from(metadata["view"]),
            moving=False,
            serial=0,
            # pictures of earlier versions lack these entries
            other=value_from_json(MarchSettings | None, metadata.get("other"), "other"),
            runs=value_from_json(tuple[str, ...], metadata.get("runs", []), "runs"),
            photo=value_from_json(PhotoId | None, metadata.get("photo"), "photo"),
            ray=value_from_json(SceneRay | None, metadata.get("ray"), "ray"),
            trail=value_from_json(Trail | None, metadata.get("trail"), "trail"),
            optics=from_json(Optics, metadata.get("optics", {})),
        )
        transparent = value_from_json(bool, metadata["transparent"], "transparent")
        return ScreenshotRequest(again, folder="", transparent=transparent)
    except KeyError as e:
        raise FirstlightError(f"the picture's metadata lacks {e}: take the screenshot again") from e
    except (TypeError, ValueError) as e:
        raise FirstlightError(f"the picture's metadata does not fit this program ({e}): take it again") from e


def _time_from(entry: Any) -> float | None:
    """A picture's time; pictures of static scenes and of earlier versions have none."""
    time = value_from_json(float | None, entry, "time")
    if time is not None and not 0.0 <= time <= 1.0:
        raise ValueError(f"a time lies between 0 and 1, got {entry}")
    return time
