"""The box of the open scene, fitted to its silhouettes."""

from tests.ball import CENTRE, RADIUS
from tests.viewer.live import paused_after
from viewer.tools.fit import FIT, FitQuestion


def finish(session):
    while session.tick():
        pass
    return session.result(FIT)


def test_it_finds_the_ball_wherever_the_box_is(session):
    paused_after(session, 1)
    session.ask(FIT, FitQuestion(7, session.status.scene_serial))
    found = finish(session)
    assert found.number == 7 and found.place.n_levels == 1
    for axis, middle in enumerate(CENTRE):
        assert found.place.box[axis] < middle - RADIUS and middle + RADIUS < found.place.box[axis + 3]


def test_questions_about_another_scene_or_withdrawn_ones_have_no_answer(session):
    paused_after(session, 1)
    session.ask(FIT, FitQuestion(1, session.status.scene_serial - 1))
    session.ask(FIT, FitQuestion(2, session.status.scene_serial))
    session.ask(FIT, None)
    assert finish(session) is None
