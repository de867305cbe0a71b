"""Scenes with closed forms for the engine's tests: a ball of one colour, and fields that are known everywhere."""

from pathlib import Path

import torch

from core.cameras import Camera, generate_rays, look_at, pinhole_matrix
from core.datasets.base import Dataset, Views
from core.rays import Rays
from core.settings import FieldSettings, MarchSettings, TrainSettings

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
BALL_RADIUS = 0.6

SMALL_FIELD = FieldSettings(n_levels=4, log2_hashmap_size=12, max_resolution=64, hidden_dim=32)
SMALL_TRAINING = TrainSettings(
    target_samples=2048,
    max_rays=1024,
    grid_resolution=16,
    grid_samples=1024,
    learning_rate=2e-2,
    march=MarchSettings(render_step_size=0.04),
)


class Ball:
    """A field: a ball of constant density about the origin, coloured by direction or in one colour."""

    def __init__(self, sigma=30.0, radius=BALL_RADIUS, color=(0.8, 0.3, 0.1)):
        self.sigma, self.radius, self.rgb = sigma, radius, torch.tensor(color)

    def density(self, positions):
        inside = torch.linalg.vector_norm(positions, dim=-1) < self.radius
        return self.sigma * inside.float(), positions

    def color(self, features, directions):
        return self.rgb.expand(features.shape[0], 3)


class Fog:
    """A field that fills space: density and colour vary smoothly with position and direction."""

    def density(self, positions):
        return 2.0 * (1.0 + torch.sin(3.0 * positions).prod(-1)), positions

    def color(self, features, directions):
        return torch.sigmoid(features + 0.5 * directions)


def camera(angle=0.3, size=32, distance=3.0, height=0.8):
    eye = [distance * float(torch.cos(torch.tensor(angle))), distance * float(torch.sin(torch.tensor(angle))), height]
    return Camera(look_at(eye, (0.0, 0.0, 0.0)), pinhole_matrix(0.8, size, size), size, size)


def ball_views(n, size=32, start=0.0):
    """Pictures of the ball with antialiased alpha, by ray-sphere intersection."""
    cameras = [camera(start + 6.2832 * i / n, size, height=1.5 * (-1) ** i) for i in range(n)]
    images = []
    for view in cameras:
        fine = view.resized(4 * size, 4 * size)
        hit = _hits_ball(generate_rays(fine)).view(size, 4, size, 4).float().mean((1, 3))
        rgb = torch.tensor([0.8, 0.3, 0.1]).expand(size, size, 3)
        images.append((torch.cat([rgb, hit[..., None]], -1) * 255).round().to(torch.uint8))
    batch = Camera(torch.stack([c.c2w for c in cameras]), torch.stack([c.K for c in cameras]), width=size, height=size)
    return Views(batch, torch.stack(images), tuple(f"r_{i}" for i in range(n)))


def ball_dataset(size=32):
    return Dataset("ball", Path("ball"), "made up", ball_views(12, size), ball_views(3, size, start=0.2), BOX)


def _hits_ball(rays: Rays):
    along = (rays.rays_o * rays.rays_d).sum(-1)
    nearest = rays.rays_o - along[:, None] * rays.rays_d
    return torch.linalg.vector_norm(nearest, dim=-1) < BALL_RADIUS
