"""Count the new views per second that a moving camera gets during training, in a session without a window.

python -m tests.benchmarks.moving SCENE [--downscale N] [--train SECONDS]
"""

import argparse
import math
import statistics
import time

from core.config.read_options import ReadOptions
from core.process import configure
from viewer.input.orbit import home_view, photo_view
from viewer.protocol.requests import PhotoId, Split, ViewRequest
from viewer.protocol.status import State
from viewer.protocol.view_settings import ViewSettings
from viewer.session.session import LocalSession

SIZE = (934, 732)
"""The size of the view in a window of the default size."""

DEGREES_A_SECOND = 30.0
FRAME = 1 / 60
SECONDS = 8.0


def main() -> None:
    configure()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene")
    parser.add_argument("--downscale", type=int, default=1)
    parser.add_argument("--train", type=float, default=20.0, help="seconds of training before the camera moves")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help="size of the whole view in pixels")
    options = parser.parse_args()
    session = LocalSession()
    session.start()
    try:
        session.open(options.scene, ReadOptions(downscale=options.downscale))
        while session.status.state is not State.TRAINING or session.status.seconds < options.train:
            time.sleep(0.1)
        for moving in (False, True, False, True):
            print(measured(session, tuple(options.size), moving), flush=True)
    finally:
        session.close()


def measured(session: LocalSession, size: tuple[int, int], moving: bool) -> str:
    """One line about the views that a camera gets in `SECONDS`, turning about the scene or at rest."""
    scene = session.status.scene
    camera = photo_view(scene, PhotoId(Split.TRAIN, home_view(scene)))
    began, first_step = time.perf_counter(), session.status.step
    turn = math.radians(DEGREES_A_SECOND) * FRAME / math.pi
    serial, seen, sizes, milliseconds = 0, None, [], []
    while (now := time.perf_counter()) - began < SECONDS:
        if moving or not serial:
            camera, serial = camera.orbited(turn if moving else 0.0, 0.0), serial + 1
            session.request_view(ViewRequest(camera.pose, *size, session.status.march, ViewSettings(), moving, serial))
        frame = session.frame
        if frame is not None and frame is not seen:
            seen = frame
            sizes.append((frame.stats.rendered_width, frame.stats.rendered_height))
            milliseconds.append(frame.stats.milliseconds)
        time.sleep(max(0.0, FRAME - (time.perf_counter() - now)))
    seconds, n_steps = time.perf_counter() - began, session.status.step - first_step
    width, height = sorted(sizes, key=math.prod)[len(sizes) // 2]
    return (
        f"{'moves' if moving else 'rests'}: {len(sizes) / seconds:.1f} views/s, {width}x{height} "
        f"in {statistics.median(milliseconds):.0f} ms (medians); {n_steps / seconds:.1f} steps/s"
    )


if __name__ == "__main__":
    main()
