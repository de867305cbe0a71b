import pytest

from viewer.presentation.export_text import export_text, film_seconds, time_text
from viewer.tools.export import ExportState


def test_an_export_says_how_far_it_is_and_what_is_left():
    assert export_text(None) == "" and export_text(ExportState("f.mp4", running=False)) == ""
    assert export_text(ExportState("f.mp4", 0, 180)) == "f.mp4: 0 of 180"
    assert export_text(ExportState("f.mp4", 60, 180, seconds=10.0)) == "f.mp4: 60 of 180, 20 s left"


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (42.4, "42 s"), (150.0, "2 min"), (9000.0, "2.5 h")])
def test_times_are_said_as_guesses(seconds, words):
    assert time_text(seconds) == words


def test_a_films_time_grows_with_pixels_frames_rays_and_shrinks_with_its_share():
    assert film_seconds(100.0, 10_000, 20_000, 30, 4, 0.5) == pytest.approx(48.0)
