"""A session on a tiny scene, which the tests of several files share."""

import pytest

from tests.viewer.live import live_session, write_quick_ball


@pytest.fixture(scope="session")
def ball(tmp_path_factory):
    return write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball")


@pytest.fixture
def session(ball, monkeypatch):
    session = live_session(ball, monkeypatch)
    yield session
    session.close()
