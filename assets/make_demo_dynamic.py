"""Make the dynamic demo dataset: the clockwork of `demo_clockwork.py`, ray-traced as `make_demo.py` traces the orrery.

    python assets/make_demo_dynamic.py [--output DIR] [--size N] [--views N] [--force]

Output, in D-NeRF's format, which is NeRF-synthetic's with a `time` from 0 to 1 in each frame:
`transforms_train.json` and `train/r_*.png`, in the order of their times, each from another side: any run of views in a
row looks at the scene from all around; `transforms_test.json` and `test/r_*.png`, from a spiral between them, at times
between theirs. Pictures and conventions are those of `make_demo.py`, but there are no depths.
"""

import math
import sys
from pathlib import Path

from demo_clockwork import AABB, clockwork
from make_demo import Shot, look_at_origin, make, test_poses

R2 = (0.7548776662466927, 0.5698402909980532)  # shares of the R2 sequence (M. Roberts 2018), even in the plane


def train_shots(n: int) -> list[Shot]:
    """Views of one moment each, from 12 degrees below the horizon to the zenith."""
    low, times = math.sin(math.radians(-12)), [i / max(n - 1, 1) for i in range(n)]
    poses = [look_at_origin(i * R2[0] % 1, low + (1 - low) * ((i + 0.5) * R2[1] % 1)) for i in range(n)]
    return [Shot(clockwork(time), c2w, time) for time, c2w in zip(times, poses, strict=True)]


def test_shots(n: int) -> list[Shot]:
    return [Shot(clockwork((i + 0.5) / n), c2w, (i + 0.5) / n) for i, c2w in enumerate(test_poses(n))]


def main(arguments: list[str] | None = None) -> int:
    folder = Path(__file__).parent / "demo_dynamic"
    return make(arguments, folder, (train_shots, test_shots), AABB, size=200, views=120, test_views=20, depths=False)


if __name__ == "__main__":
    sys.exit(main())
