import pytest

from core.config.read_options import ReadOptions


@pytest.mark.parametrize(
    "given",
    [
        {"downscale": 0},
        {"downscale": -1},
        {"downscale": 1.5},
        {"downscale": True},
        {"axes": "blender"},
        {"allow_outside": "no"},
    ],
)
def test_what_cannot_be_asked_for_is_named(given):
    ((name, value),) = given.items()
    with pytest.raises(ValueError, match=rf"{name} must be .* got {value!r}"):
        ReadOptions(**given)
