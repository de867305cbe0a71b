"""Analytic fields, a camera that looks at them, and small settings that train a ball in seconds."""

from pathlib import Path

import torch

from core.config.march import MarchSettings
from core.config.training import TrainSettings
from core.datasets.dataset import Dataset
from core.fields.base import Field
from core.fields.ngp import NGPSettings
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from core.geometry.rays import Rays
from tests.ball import ball_views

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
BALL_RADIUS = 0.6

SMALL_FIELD = NGPSettings(n_levels=4, log2_hashmap_size=12, max_resolution=64, hidden_dim=32)
SMALL_TRAINING = TrainSettings(
    target_samples=2048,
    max_rays=1024,
    grid_resolution=16,
    grid_samples=1024,
    learning_rate=2e-2,
    march=MarchSettings(render_step_size=0.04),
)


def use_small_presets(monkeypatch):
    """Open scenes with `SMALL_FIELD` and `SMALL_TRAINING` instead of the presets for device and scene."""
    monkeypatch.setattr("core.fields.ngp.NGPSettings.usual", lambda conditions: SMALL_FIELD)
    monkeypatch.setattr("core.training.build.train_preset", lambda *_: SMALL_TRAINING)


class Ball(Field):
    """A ball of constant density around the origin, coloured by direction or in one colour."""

    def __init__(self, sigma=30.0, radius=BALL_RADIUS, color=(0.8, 0.3, 0.1)):
        self.sigma, self.radius, self.rgb = sigma, radius, torch.tensor(color)

    def density(self, positions):
        inside = torch.linalg.vector_norm(positions, dim=-1) < self.radius
        return self.sigma * inside.float(), positions

    def color(self, features, directions):
        return self.rgb.expand(features.shape[0], 3)


class Fog(Field):
    """Fog that fills space: density and colour vary smoothly with position and direction."""

    def density(self, positions):
        return 2.0 * (1.0 + torch.sin(3.0 * positions).prod(-1)), positions

    def color(self, features, directions):
        return torch.sigmoid(features + 0.5 * directions)


def camera(angle=0.3, size=32, distance=3.0, height=0.8, time=None):
    eye = [distance * float(torch.cos(torch.tensor(angle))), distance * float(torch.sin(torch.tensor(angle))), height]
    times = None if time is None else torch.tensor(time)
    return Camera(look_at(eye, (0.0, 0.0, 0.0)), pinhole_matrix(0.8, size, size), size, size, times=times)


def rays_inwards(n=64):
    """Rays that start 4 units away from random points of the middle half of the box and pass through them."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(n, 3, generator=generator) - 0.5
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    return Rays(targets - 4.0 * directions, directions)


def ball_dataset(size=32):
    """12 training and 3 test views of a ball around the origin, coloured by its normals."""
    train, test = (ball_views(n, size, seed, (0.0, 0.0, 0.0), BALL_RADIUS) for seed, n in enumerate((12, 3)))
    return Dataset("ball", Path("ball"), "made up", train, test, BOX)
