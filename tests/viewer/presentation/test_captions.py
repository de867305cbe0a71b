"""The captions of compared pictures."""

import math
from dataclasses import replace

from core.config.march import MarchSettings
from viewer.presentation.captions import Caption, captions, differing, errors_text
from viewer.protocol.requests import PhotoId, Pose, Split, ViewRequest
from viewer.protocol.view_settings import Compare, CompareAs, ViewSettings

A = MarchSettings(early_stop_eps=1e-3, render_step_size=0.01)
B = MarchSettings(early_stop_eps=0.0, render_step_size=0.02, crop=(-1.0, -1.0, -1.0, 1.0, 1.0, 1.0))


def request(other=A, photo=None, **view) -> ViewRequest:
    pose = Pose(tuple(float(x) for x in range(16)), 0.7)
    return ViewRequest(pose, 4, 3, B, ViewSettings(**view), moving=False, serial=1, other=other, photo=photo)


def test_only_differing_settings_are_listed_with_their_units():
    assert differing(A, A) == ()
    found = differing(A, B)
    assert [d.setting.label for d in found[:2]] == ["Early stop", "Step size"]
    assert [d[1:] for d in found] == [("0.001", "off"), ("0.01 units", "0.02 units"), ("none", "-1 -1 -1 1 1 1")]
    assert [d[1:] for d in differing(B, A)] == [d[:0:-1] for d in found]


def test_each_side_states_its_own_values():
    a, b = captions(request(compare=Compare.SETTINGS), True)
    assert (a.name, b.name) == ("A", "B")
    assert a.lines == ("early stop 0.001", "step size 0.01 units", "crop box none")
    assert b.lines[:2] == ("early stop off", "step size 0.02 units")
    same = captions(request(other=B, compare=Compare.SETTINGS), True)
    assert [c.lines for c in same] == [("same settings",)] * 2


def test_a_blend_states_its_shares_and_a_single_picture_its_name():
    blend = captions(request(compare=Compare.SETTINGS, compare_as=CompareAs.BLEND, blend=0.25), True)
    assert [c.name for c in blend] == ["A 75 %", "B 25 %"]
    assert [c.name for c in captions(request(compare=Compare.SETTINGS, compare_as=CompareAs.FIRST), True)] == ["A"]
    photo = replace(request(compare=Compare.PHOTO), photo=PhotoId(Split.TEST, 1))
    assert captions(photo, False) == (Caption("Photo"), Caption("Render"))


def test_runs_are_called_by_their_methods():
    runs = replace(request(other=B, compare=Compare.RUN), runs=("mlp + rvs, step 7", "ngp + occupancy"))
    assert captions(runs, True) == (Caption("A", ("mlp + rvs, step 7",)), Caption("B", ("ngp + occupancy",)))
    assert captions(request(other=B, compare=Compare.RUN), True) == ()


def test_only_rendered_pictures_have_a_caption():
    runs = replace(request(other=B, compare=Compare.RUN), runs=("mlp + rvs, step 7", "ngp + occupancy"))
    assert captions(runs, False) == (), "the former run is gone by then"
    assert captions(request(compare=Compare.SETTINGS), False) == ()


def test_a_plain_picture_has_no_caption():
    assert captions(request(), True) == ()
    assert captions(request(other=None, compare=Compare.SETTINGS), True) == ()
    assert captions(request(compare=Compare.PHOTO), True) == ()


def test_errors_are_given_in_decibels_and_255ths_unless_they_are_nan():
    assert errors_text(31.456, 0.5, 1) == "PSNR 31.46 dB, largest error 127.5 of 255"
    assert errors_text(math.nan, math.nan, 1) == "PSNR and largest error are NaN"
