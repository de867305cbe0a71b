"""Which panels are in sight, and when one of them has gone."""

from viewer.widgets.sight import GONE_FRAMES, Sight


def test_a_panel_returns_once_and_goes_once():
    sight = Sight()
    assert sight.draw("sweep") and not sight.draw("sweep")
    assert [sight.miss("sweep") for _ in range(GONE_FRAMES + 2)] == [False] * (GONE_FRAMES - 1) + [True, False, False]
    assert sight.draw("sweep")


def test_a_panel_that_skips_frames_on_its_way_into_its_dock_stays_in_sight():
    sight = Sight()
    sight.draw("sweep")
    for _ in range(3):
        assert not any(sight.miss("sweep") for _ in range(GONE_FRAMES - 1))
        assert not sight.draw("sweep")


def test_a_panel_that_was_never_drawn_goes_nowhere():
    assert not any(Sight().miss("sweep") for _ in range(2 * GONE_FRAMES))
