"""nerfacc's walk through grids, slow and obvious: one ray, box and piece between two faces at a time, in float64."""

import math
from itertools import pairwise

import torch


def segments_of(origin, direction, boxes, near, far):
    """The parts (t0, t1, box) of a ray in boxes: in the one entered last, or else in the one that is left next."""
    crossings = []
    for k, box in enumerate(boxes):
        enter, leave = -math.inf, math.inf
        for axis in range(3):
            low, high = box[axis] - origin[axis], box[3 + axis] - origin[axis]
            if direction[axis] == 0.0:
                enter = enter if low <= 0.0 <= high else math.inf
                continue
            a, b = sorted((low / direction[axis], high / direction[axis]))
            enter, leave = max(enter, a), min(leave, b)
        if enter <= leave and leave > 0.0:
            crossings += [(enter, k, True), (leave, k, False)]
    crossings.sort(key=lambda crossing: crossing[0])
    found = []
    for (t0, box, enters), (t1, next_box, next_enters) in pairwise(crossings):
        if not enters and next_enters:
            continue
        t0, t1 = max(t0, near), min(t1, far)
        if t0 < t1:
            found.append((t0, t1, box if enters else next_box))
    return found


def pieces_of(origin, direction, box, sides, t0, t1):
    """The parts (t0, t1, cell) of a ray between the faces of a grid's cells."""
    cuts = {t0, t1}
    for axis in range(3):
        if direction[axis] != 0.0:
            for i in range(sides[axis] + 1):
                face = box[axis] + (box[3 + axis] - box[axis]) * i / sides[axis]
                t = (face - origin[axis]) / direction[axis]
                if t0 < t < t1:
                    cuts.add(t)
    ordered = sorted(cuts)
    for a, b in pairwise(ordered):
        middle = [o + d * (a + b) / 2 for o, d in zip(origin, direction, strict=True)]
        share = [(middle[axis] - box[axis]) / (box[3 + axis] - box[axis]) for axis in range(3)]
        yield a, b, tuple(min(max(int(s * n), 0), n - 1) for s, n in zip(share, sides, strict=True))


def walk(origin, direction, binaries, boxes, near, far, step, cone_angle=0.0, limit=0):
    """The samples (t0, t1) of a ray, and where its next step would begin."""
    t, samples = near, []

    def length():
        return max(t * cone_angle, step)

    def skip_to(end):
        nonlocal t
        if step <= 0.0:
            t = end
            return
        same = length()
        while t + same / 2 < end:
            t += same

    continues = False
    for t0, t1, k in segments_of(origin, direction, boxes, near, far):
        if not continues:
            skip_to(t0)
        for _, b, cell in pieces_of(origin, direction, boxes[k], binaries.shape[1:], t0, t1):
            if not binaries[(k, *cell)]:
                skip_to(b)
                continues = False
                continue
            while t < b if step <= 0.0 else t + length() / 2 < b:
                if limit and len(samples) == limit:
                    return samples, t
                after = b if step <= 0.0 else t + length()
                samples.append((t, after))
                t, continues = after, True
            if limit and len(samples) == limit:
                return samples, t
    return samples, t


def walk_all(rays_o, rays_d, binaries, boxes, near_planes, far_planes, *settings):
    """`walk` of each ray, a list."""
    columns = [x.double().tolist() for x in (rays_o, rays_d, near_planes, far_planes)]
    unit = [(o, d) for o, d in zip(*columns[:2], strict=True)]
    return [
        walk(o, d, binaries, boxes.double().tolist(), near, far, *settings)
        for (o, d), near, far in zip(unit, *columns[2:], strict=True)
    ]


def random_rays(n, generator, radius):
    """Rays from a sphere of this radius towards the middle of the unit cube around the origin."""
    rays_o = torch.randn(n, 3, generator=generator)
    rays_o = radius * rays_o / rays_o.norm(dim=1, keepdim=True)
    rays_d = 0.5 * (torch.rand(n, 3, generator=generator) - 0.5) - rays_o
    return rays_o, rays_d / rays_d.norm(dim=1, keepdim=True)
