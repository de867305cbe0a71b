import threading
import time

from tests.viewer.live import ask, trainer_of
from viewer.protocol.status import State
from viewer.session.session import LocalSession


def wait_until(condition, seconds=20.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "timed out"
        time.sleep(0.002)


def test_the_thread_works_and_ends(session):
    session.start()
    wait_until(lambda: session.status.step >= 2)
    request = ask(session)
    wait_until(lambda: session.frame is not None and session.frame.request is request)
    assert session.close()
    steps = session.status.step
    time.sleep(0.05)
    assert session.status.step == steps


def test_a_paused_thread_sleeps(session):
    session.pause()
    session.start()
    wait_until(lambda: session.status.state is State.PAUSED)
    ticks, tick = [], session.tick
    session.tick = lambda: ticks.append(1) or tick()
    time.sleep(0.3)
    assert len(ticks) <= 3
    request = ask(session)
    wait_until(lambda: session.frame is not None and session.frame.request is request)


def test_closing_does_not_wait_for_a_slow_step(session, monkeypatch):
    entered, leave = threading.Event(), threading.Event()
    monkeypatch.setattr(trainer_of(session), "step", lambda fraction: entered.set() or leave.wait(20.0))
    session.start()
    assert entered.wait(10.0)
    began = time.monotonic()
    assert not session.close(timeout=0.3)
    assert time.monotonic() - began < 1.0
    assert session._thread.daemon
    leave.set()
    session._thread.join(10.0)
    assert not session._thread.is_alive()


def test_closing_interrupts_a_large_picture(session):
    session.pause()
    session.start()
    ask(session, size=(1600, 1200))
    time.sleep(0.2)
    assert session.close(timeout=10.0)


def test_closing_interrupts_an_opening(ball, monkeypatch):
    session = LocalSession("cpu")

    def open_slowly(path, reading, device, seed, progress, overrides):
        while True:
            progress(0.5, "reading")
            time.sleep(0.005)

    monkeypatch.setattr("viewer.session.worker.open_trainer", open_slowly)
    session.start()
    session.open("anything")
    wait_until(lambda: session.status.state is State.LOADING)
    assert session.close()
