"""The field interface: short cuts, and when they must not be used."""

from functools import partial

import torch

from core.fields.ngp import NGPField
from core.fields.own import as_field
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


def make(kind):
    return kind(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(0))


POSITIONS = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) - 0.5
DIRECTIONS = torch.tensor([0.0, 0.0, 1.0]).expand(50, 3)
close = partial(torch.testing.assert_close, rtol=0.01, atol=0.003)


def test_a_derived_class_keeps_the_short_cuts():
    field = make(Renamed)
    assert field.march_density(True) is not None
    close(field.density_alone(POSITIONS), field.density(POSITIONS)[0])


def test_an_overridden_density_is_used_everywhere():
    plain, denser = make(NGPField), make(Denser)
    assert denser.march_density(True) is None
    close(denser.density_alone(POSITIONS), 3.0 * plain.density_alone(POSITIONS))
    close(denser.radiance(POSITIONS, DIRECTIONS)[1], 3.0 * plain.radiance(POSITIONS, DIRECTIONS)[1])


def test_an_overridden_colour_is_used_and_keeps_the_short_cuts_for_densities():
    plain, black = make(NGPField), make(Black)
    assert black.march_density(True) is not None
    rgbs, sigmas = black.radiance(POSITIONS, DIRECTIONS)
    assert not rgbs.any()
    close(sigmas, plain.radiance(POSITIONS, DIRECTIONS)[1])


def test_without_short_cuts_density_and_colour_are_called():
    fog = Fog()
    sigmas, features = fog.density(POSITIONS)
    assert fog.march_density(True) is None
    assert torch.equal(fog.density_alone(POSITIONS), sigmas)
    rgbs, same = fog.radiance(POSITIONS, DIRECTIONS)
    assert torch.equal(same, sigmas) and torch.equal(rgbs, fog.color(features, DIRECTIONS))


class Thrice:
    """A mixin that triples the density of the next class in the MRO."""

    def density(self, positions):
        sigmas, features = super().density(positions)
        return 3.0 * sigmas, features


class Mixed(Thrice, NGPField):
    pass


class Again(Denser):
    """Overrides the short cut for a density that it inherits."""

    def density_alone(self, positions):
        return super().density(positions)[0] + 1.0


def test_a_density_from_a_mixin_is_used_too():
    plain, mixed = make(NGPField), make(Mixed)
    assert mixed.march_density(True) is None
    close(mixed.density_alone(POSITIONS), 3.0 * plain.density_alone(POSITIONS))


def test_a_derived_class_may_have_its_own_short_cuts():
    plain, again = make(NGPField), make(Again)
    assert again.march_density(True) is None
    close(again.density_alone(POSITIONS), 3.0 * plain.density_alone(POSITIONS) + 1.0)


def test_an_object_without_our_base_class_is_wrapped_once():
    class Plain:
        def density(self, positions):
            return positions[:, 0].abs(), positions

        def color(self, features, directions):
            return features.abs()

    field = as_field(Plain())
    assert as_field(field) is field and not field.dynamic and field.march_density(True) is None
    rgbs, sigmas = field.radiance(POSITIONS, DIRECTIONS)
    assert torch.equal(sigmas, POSITIONS[:, 0].abs()) and torch.equal(rgbs, POSITIONS.abs())
