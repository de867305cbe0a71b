"""What an export in the background says about itself."""

from viewer.tools.export import ExportState


def export_text(state: ExportState | None) -> str:
    """One phrase for the status line; "" while nothing is exported."""
    if state is None or not state.running:
        return ""
    left = state.seconds_left
    return f"{state.title}: {state.done} of {state.total}" + ("" if left is None else f", {time_text(left)} left")


def time_text(seconds: float) -> str:
    """A duration in words, as a guess is said: 40 s, 3 min, 2.5 h."""
    if seconds < 90.0:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def film_seconds(frame_ms: float, frame_pixels: int, pixels: int, n_frames: int, n_rays: int, share: float) -> float:
    """How long a film will probably take.

    Args:
        frame_ms, frame_pixels: what a picture of so many pixels costs now.
        pixels: of one of the film's frames.
        n_rays: through each pixel.
        share: of the time that the film gets.
    """
    return 1e-3 * frame_ms * pixels / max(1, frame_pixels) * n_frames * n_rays / share
