"""World-space line segments drawn into a picture: clipped, antialiased, and hidden by what lies in front of them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from viewer.picture.colors import blend
from viewer.picture.projection import Projection
from viewer.protocol.requests import Pose


class Occluder(NamedTuple):
    """Something that covers what lies behind it.

    Attributes:
        t: (height, width), its distance along each pixel's ray; inf where there is nothing.
        alpha: (height, width), its opacity, 0 to 1.
    """

    t: np.ndarray
    alpha: np.ndarray

    def visible_pixels(self, pixels: np.ndarray, t: np.ndarray) -> np.ndarray:
        """How visible (n,) things at distances t (n,) are at pixels (n,), counted row by row; 0 to 1."""
        return np.where(t > self.t.reshape(-1)[pixels], 1.0 - self.alpha.reshape(-1)[pixels], 1.0)

    def visible_at(self, rows: np.ndarray, columns: np.ndarray, t: np.ndarray) -> np.ndarray:
        """How visible (n,) points at rows (n,), columns (n,) and distances t (n,) are; 0 to 1."""
        # A line drawn on the surface must not flicker through it: the slack is one percent of the distance.
        behind = t > 1.01 * self.t[rows, columns]
        return np.where(behind, 1.0 - self.alpha[rows, columns], 1.0)


def draw_lines(
    rgba: np.ndarray,
    segments: np.ndarray,
    color: np.ndarray,
    pose: Pose,
    occluders: Sequence[Occluder] = (),
    opacity: float = 1.0,
    thickness: float = 1.0,
) -> np.ndarray:
    """Draw segments in one colour.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        segments: (n_segments, 2, 3), end points in world coordinates.
        color: (3,).
        opacity: the lines' opacity, 0 to 1.
        thickness: the lines' thickness; 1 is that of the box's edges.

    Returns:
        (height, width, 4) float32.
    """
    height, width = rgba.shape[:2]
    projection = Projection(pose, width, height)
    ends = project(segments, projection)
    ends = clip_to_rectangle(ends, width, height)
    # A line's share of the picture doesn't depend on the size, so that large screenshots and small views look like the
    # screen. Instead of becoming thinner than a pixel, a line becomes fainter.
    line_width = thickness * max(0.3, height / 450.0)
    columns, rows, coverage, depth = rasterise(ends, width, height, line_width)
    if len(columns) == 0:
        return rgba
    t = projection.distances(columns, rows, depth)
    for occluder in occluders:
        coverage = coverage * occluder.visible_at(rows, columns, t)
    coverage = opacity * coverage
    part = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    result = rgba.copy()
    alpha = np.zeros(result[part].shape[:2], np.float32)
    np.maximum.at(alpha, (rows - rows.min(), columns - columns.min()), coverage.astype(np.float32))
    result[part] = blend(rgba[part], color, alpha)
    return result


def project(segments: np.ndarray, projection: Projection) -> np.ndarray:
    """End points on the image plane, (n_visible, 2, 3): column and row in pixels, and 1 / depth along the view axis.

    Segments are cut at a near plane, a tiny fraction of their extent in front of the camera. 1 / depth is linear along
    a projected line, so it can be interpolated in the picture.
    """
    if len(segments) == 0:
        return np.zeros((0, 2, 3))
    local = projection.local(np.asarray(segments, np.float64))
    near = max(1e-7 * float(np.abs(local).max()), 1e-9)
    depth = -local[..., 2]
    local, depth = local[(depth > near).any(axis=1)], depth[(depth > near).any(axis=1)]
    step = depth[:, 1] - depth[:, 0]
    # Where a segment crosses the near plane, the end behind it moves onto it.
    share = np.clip((near - depth[:, 0]) / np.where(step == 0.0, 1.0, step), 0.0, 1.0)
    crossing = local[:, 0] + share[:, None] * (local[:, 1] - local[:, 0])
    local = np.where((depth <= near)[..., None], crossing[:, None], local)
    depth = np.maximum(-local[..., 2], near)
    local[..., 2] = -depth
    x, y = projection.pixels(local)
    return np.stack([x, y, 1.0 / depth], axis=-1)


def clip_to_rectangle(ends: np.ndarray, width: int, height: int) -> np.ndarray:
    """The parts of segments (n, 2, 3) inside the picture (Liang and Barsky 1984): (n_inside, 2, 3)."""
    start, delta = ends[:, 0], ends[:, 1] - ends[:, 0]
    first, last = np.zeros(len(ends)), np.ones(len(ends))
    for axis, limit in ((0, width), (1, height)):
        for sign, bound in ((-1.0, 0.0), (1.0, float(limit))):
            speed = sign * delta[:, axis]
            room = sign * (bound - start[:, axis])
            with np.errstate(divide="ignore", invalid="ignore"):
                at = room / speed
            first = np.where(speed < 0.0, np.maximum(first, at), first)
            last = np.where(speed > 0.0, np.minimum(last, at), last)
            last = np.where((speed == 0.0) & (room < 0.0), -1.0, last)
    inside = first < last
    start, delta = start[inside], delta[inside]
    return np.stack([start + first[inside, None] * delta, start + last[inside, None] * delta], axis=1)


def rasterise(
    ends: np.ndarray, width: int, height: int, line_width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels near segments (n, 2, 3) that lie inside the picture.

    Each segment is walked pixel by pixel along its longer axis; across it, coverage is the share of the pixel that lies
    within the line's width.

    Returns:
        columns, rows (n_pixels,) int; coverage (n_pixels,) in (0, 1]; depth (n_pixels,) along the view axis.
    """
    steep = np.abs(ends[:, 1, 1] - ends[:, 0, 1]) > np.abs(ends[:, 1, 0] - ends[:, 0, 0])
    ends = np.where(steep[:, None, None], ends[..., [1, 0, 2]], ends)
    ends = np.where((ends[:, 0, 0] > ends[:, 1, 0])[:, None, None], ends[:, ::-1], ends)
    first = np.floor(ends[:, 0, 0]).astype(np.int64)
    counts = np.floor(ends[:, 1, 0]).astype(np.int64) - first + 1
    which = np.repeat(np.arange(len(ends)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    along = first[which] + offsets
    length = np.maximum(ends[which, 1, 0] - ends[which, 0, 0], 1e-9)
    share = np.clip((along + 0.5 - ends[which, 0, 0]) / length, 0.0, 1.0)
    across = ends[which, 0, 1] + share * (ends[which, 1, 1] - ends[which, 0, 1])
    depth = 1.0 / (ends[which, 0, 2] + share * (ends[which, 1, 2] - ends[which, 0, 2]))

    reach = math.ceil(0.5 * line_width)
    neighbours = np.arange(-reach, reach + 1)
    minor = np.floor(across).astype(np.int64)[:, None] + neighbours
    coverage = np.clip(0.5 + 0.5 * line_width - np.abs(minor + 0.5 - across[:, None]), 0.0, min(1.0, line_width))
    major = np.broadcast_to(along[:, None], minor.shape)
    upright = steep[which][:, None]
    columns, rows = np.where(upright, minor, major), np.where(upright, major, minor)
    kept = (coverage > 0.0) & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return columns[kept], rows[kept], coverage[kept], np.broadcast_to(depth[:, None], minor.shape)[kept]
