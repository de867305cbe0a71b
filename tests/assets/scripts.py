"""Loads the scripts that made the demo scenes as modules, and the images they made."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def script_named(name: str) -> ModuleType:
    """A script of `assets` as a module; it may import its neighbours."""
    sys.path.insert(0, str(ASSETS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ASSETS))


def premultiplied(path: Path) -> np.ndarray:
    """An image with premultiplied alpha, (height, width, 4), 0 to 1."""
    rgba = np.asarray(Image.open(path), np.float64) / 255
    return np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], axis=-1)
