"""What the path asks of a field: its short cuts, and where they hold."""

from functools import partial

import torch

from core.fields.base import densities_alone, march_density_of, radiance_of
from core.fields.ngp import NGPField
from core.kernels.contraction import Space
from tests.scenes import BOX, SMALL_FIELD, Fog


class Renamed(NGPField):
    pass


class Denser(NGPField):
    def density(self, positions):
        sigmas, features = super().density(positions)
        return 3.0 * sigmas, features


class Black(NGPField):
    def color(self, features, directions):
        return 0.0 * super().color(features, directions)


def made(kind):
    return kind(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(0))


POSITIONS = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) - 0.5
DIRECTIONS = torch.tensor([0.0, 0.0, 1.0]).expand(50, 3)
close = partial(torch.testing.assert_close, rtol=0.01, atol=0.003)


def test_a_class_that_derives_from_a_field_keeps_its_short_cuts():
    field = made(Renamed)
    assert march_density_of(field, True) is not None
    close(densities_alone(field, POSITIONS), field.density(POSITIONS)[0])


def test_a_density_of_its_own_holds_wherever_densities_are_asked_for():
    plain, denser = made(NGPField), made(Denser)
    assert march_density_of(denser, True) is None
    close(densities_alone(denser, POSITIONS), 3.0 * densities_alone(plain, POSITIONS))
    close(radiance_of(denser, POSITIONS, DIRECTIONS)[1], 3.0 * radiance_of(plain, POSITIONS, DIRECTIONS)[1])


def test_a_colour_of_its_own_holds_and_leaves_densities_their_short_cuts():
    plain, black = made(NGPField), made(Black)
    assert march_density_of(black, True) is not None
    rgbs, sigmas = radiance_of(black, POSITIONS, DIRECTIONS)
    assert not rgbs.any()
    close(sigmas, radiance_of(plain, POSITIONS, DIRECTIONS)[1])


def test_a_field_without_short_cuts_is_asked_for_density_and_colour():
    fog = Fog()
    sigmas, features = fog.density(POSITIONS)
    assert march_density_of(fog, True) is None
    assert torch.equal(densities_alone(fog, POSITIONS), sigmas)
    rgbs, same = radiance_of(fog, POSITIONS, DIRECTIONS)
    assert torch.equal(same, sigmas) and torch.equal(rgbs, fog.color(features, DIRECTIONS))
