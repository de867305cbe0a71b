"""Another method is chosen in the real window, trained, and compared with the former run."""

from tests.viewer.live import write_quick_ball

STRATIFIED = 1
"""Its index in the drop-down list."""


def places(app) -> dict[str, tuple[int, int, int, int]]:
    """Where the drop-down lists are, and the sentences below them."""
    names = [f"method.{choice}{part}" for choice in ("field", "sampler", "contraction") for part in ("", ".sentence")]
    return {name: app.widget(name) for name in names}


def test_another_method_is_chosen_confirmed_and_compared(launch, tmp_path_factory):
    app = launch(str(write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball")), "--render-step-size", "0.04")
    app.pause_after(20)
    app.bring("method", "method.start")
    app.choose("method.sampler", STRATIFIED)
    app.widget("method.sampler.stratified.n_bins")
    camera, choices = app.state()["camera"], places(app)
    app.click("method.start")
    app.keep_screen("method-asked")
    assert app.state()["method"]["sampler"] == "occupancy", "it asks before it starts"
    assert places(app) == choices, "the question hides or moves a choice"
    app.click("method.sure")
    state = app.wait_for(lambda s: s["method"]["sampler"] == "stratified" and s["step"] > 0, "the other method")
    assert state["former"] == "ngp + occupancy" and state["camera"] == camera
    app.click("method.compare")
    app.wait_for(lambda s: s["view"]["compare"] == "run", "both pictures")
    app.wait_for(lambda s: s["frame"]["serial"] == s["serial"] and s["frame"]["compared"], "the frame with both")
    app.keep_screen("method-compared")
    app.click("method.take_up")
    state = app.wait_for(lambda s: s["method"]["sampler"] == "occupancy", "the former run")
    assert state["former"] == "ngp + stratified" and state["step"] >= 20
    x, _, width, _ = app.widget("picture")
    right_edge = x + width  # also that of the panel below
    app.click("method.forget")
    for run in ("method.run.A", "method.run.B"):
        x, _, width, _ = app.widget(run)
        assert x + width <= right_edge, "a run's line is cut off"
    app.click("method.forget.stay")
    app.click("method.forget")
    app.keep_screen("method-forget")
    assert app.next_state()["former"] is not None, "it asks before it drops the run"
    app.click("method.forget.sure")
    app.wait_for(lambda s: s["former"] is None, "the former run to be dropped")
    assert not app.state()["errors"]
