import pytest

from core.config.read_options import ReadOptions


@pytest.mark.parametrize(
    "options",
    [
        {"downscale": 0},
        {"downscale": -1},
        {"downscale": 1.5},
        {"downscale": True},
        {"axes": "blender"},
        {"allow_outside": "no"},
    ],
)
def test_an_impossible_option_is_named(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=rf"{name} must be .* got {value!r}"):
        ReadOptions(**options)
