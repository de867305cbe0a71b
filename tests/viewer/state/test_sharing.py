"""Training gets the view's thresholds while the user wants it, whichever panel changed them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.config.march import MarchSettings
from viewer.protocol.status import Status
from viewer.state.sharing import Sharing

MARCH = MarchSettings(alpha_thre=0.01)
BALL, CUBE = (SimpleNamespace(opened=name, path=name, box=(0.0,) * 3 + (1.0,) * 3) for name in ("ball", "cube"))
STATUS = Status(scene=BALL, scene_serial=1)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def sharing(sent):
    sharing = Sharing(sent.append)
    sharing.update(STATUS, MARCH, held=False)
    sharing.set(True)
    return sharing


def test_a_change_is_sent_once_and_only_after_the_slider_is_released(sharing, sent):
    sharing.update(STATUS, MARCH, held=False)
    sharing.update(STATUS, MARCH, held=False)
    assert sent == [MARCH]
    other = replace(MARCH, alpha_thre=0.2)
    sharing.update(STATUS, other, held=True)
    assert sent == [MARCH]
    sharing.update(STATUS, other, held=False)
    assert sent == [MARCH, other]


def test_switching_it_off_restores_trainings_own_thresholds(sharing, sent):
    sharing.set(False)
    sharing.update(STATUS, MARCH, held=False)
    assert sent == [None] and not sharing.on


def test_a_reset_keeps_sharing_on_and_another_scene_ends_it(sharing, sent):
    sharing.update(STATUS, MARCH, held=False)
    sharing.update(replace(STATUS, scene_serial=2), MARCH, held=False)
    assert sharing.on and sent == [MARCH, MARCH], "a restarted scene needs them again"
    sharing.update(replace(STATUS, scene=CUBE, scene_serial=3), MARCH, held=False)
    assert not sharing.on and len(sent) == 2


def test_a_run_that_is_taken_up_keeps_sharing_on(sharing, sent):
    snapshot, other = (SimpleNamespace(**vars(BALL) | {"opened": f"{name}.safetensors"}) for name in "ab")
    sharing.update(replace(STATUS, scene=snapshot, scene_serial=2, former=object()), MARCH, held=False)
    assert sharing.on and sent == [MARCH]
    sharing.update(replace(STATUS, scene=other, scene_serial=3), MARCH, held=False)
    assert not sharing.on, "another snapshot of the dataset is another scene"


def test_a_rescue_with_other_thresholds_ends_sharing(sharing, sent):
    sharing.update(STATUS, MARCH, held=False)
    sharing.update(replace(STATUS, collapse=object()), MARCH, held=False)
    sharing.update(replace(STATUS, march=MarchSettings()), MARCH, held=False)
    assert not sharing.on and sent == [MARCH]
