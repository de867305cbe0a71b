"""What the self-check computes with each kernel and with the networks; see `core.self_check.cases`."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.config.march import MarchSettings
from core.fields.mlp import mlp
from core.geometry.lenses import Lens
from core.geometry.placement import NdcFrame
from core.geometry.rays import Samples
from core.kernels.alpha_weights import render_weights_from_alphas
from core.kernels.camera_rays import camera_rays
from core.kernels.cell_hits import cells_on_plane, first_cells
from core.kernels.contraction import Space
from core.kernels.encoded_network import encoded_network, packed_table
from core.kernels.grid import GridState, geometry
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.march_start import intersect_box
from core.kernels.marching import midpoints
from core.kernels.packed import accumulate_along_rays, composite, render_weights
from core.kernels.pixels import lay_over, look_up
from core.kernels.spherical_harmonics import beside_harmonics
from core.kernels.upkeep import UNSEEN, fold, observe, points_in
from core.self_check.inputs import BOX, lively_field, numbers, on, packed, random_cells, rays_around

UNIT_BOX = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)


def camera_rays_case(device: str) -> list[Tensor]:
    c2w, K = torch.eye(4).repeat(3, 1, 1), torch.eye(3).repeat(3, 1, 1)
    c2w[:, :3], K[:, :2, 2] = numbers(3, 3, 4), 5.0 * numbers(3, 2, seed=1)
    K[:, [0, 1], [0, 1]] = 20.0
    sizes, coefficients = torch.tensor([[7, 5], [4, 9], [1, 1]]), 0.01 * numbers(3, 8, seed=3)
    views, pixels = torch.tensor([0, 1, 2] * 30), torch.tensor([34, 35, 0] * 30)
    c2w, K, sizes, coefficients, views, pixels = on(device, c2w, K, sizes, coefficients, views, pixels)
    rays = []
    for lens in (None, Lens(coefficients), Lens(coefficients, fisheye=True)):
        rays += camera_rays(c2w, K, lens, sizes, pixels, views)
    return [*rays, *camera_rays(c2w, K, None, (7, 5), 35 * views + pixels % 35)]


def pixels_case(device: str) -> list[Tensor]:
    images, places, background = on(
        device, (255.0 * numbers(72, 4, seed=2)).byte(), torch.tensor([0, 71, 35] * 30), numbers(90, 3)
    )
    colors, opaque = look_up(images, places), look_up(images[:, :3].contiguous(), places)
    return [*colors, *opaque, lay_over(*colors, background), lay_over(*colors, background[0])]


def starts_of_marches_case(device: str) -> list[Tensor]:
    return list(intersect_box(rays_around(500).to(device), BOX, 0.1, 3.0))


def middles_case(device: str) -> list[Tensor]:
    rays, info = rays_around(4).to(device), packed(3, 0, 40, 200)
    indices = torch.arange(4, dtype=torch.int32).repeat_interleave(info[:, 1])
    starts, lengths, indices, info = on(device, numbers(243), 0.1 * numbers(243, seed=2), indices, info)
    starts.requires_grad_()
    positions, directions = midpoints(rays, Samples(starts, starts + lengths, indices, info))
    return [positions, directions, *torch.autograd.grad(positions.square().sum(), starts)]


def hash_grid_case(device: str, n_features: int) -> list[Tensor]:
    levels = level_layout(6, 4, 64, 10)
    frame = NdcFrame((0.5, 0.5, 1.5), (1.0, 0.1, 0.0, 0.0, 1.0, 0.2, 0.0, 0.0, -0.8))
    results = []
    for space in (Space(UNIT_BOX), Space(UNIT_BOX, "max"), Space(UNIT_BOX, "sphere"), Space(UNIT_BOX, "ndc", frame)):
        wide = 0.01 if space.contraction == "none" else 1.0  # far outside, features are differences of large numbers
        places = (1.0 + 2.0 * wide) * numbers(500, 3) - wide
        positions, table, info = on(device, places, numbers(levels.n_entries, n_features, seed=1), levels.info)
        table.requires_grad_()
        features = hash_encode(positions, table, info, space)
        results += [features, *torch.autograd.grad(features.square().sum(), table)]
    return results


def encoded_network_case(device: str) -> list[Tensor]:
    field = lively_field(device)
    positions = 2.0 * numbers(300, 3).to(device) - 1.0
    hidden, last = (layer.detach() for layer in field.density_layers)
    table, space = packed_table(field.table), field.space
    return [encoded_network(positions, table, field.levels, space, [hidden, x]) for x in (last, last[:1])]


def harmonics_case(device: str) -> list[Tensor]:
    features, directions = on(device, numbers(300, 16), normalize(numbers(300, 3) - 0.5, dim=-1))
    features.requires_grad_()
    inputs = beside_harmonics(features, directions)
    return [inputs, *torch.autograd.grad(inputs.square().sum(), features)]


def sums_along_rays_case(device: str) -> list[Tensor]:
    sigmas, t_starts, lengths, values, info = on(
        device, 8.0 * numbers(243, seed=1), numbers(243), 0.1 * numbers(243, seed=2), numbers(243, 5),
        packed(3, 0, 40, 200),
    )  # fmt: skip
    leaves = [x.requires_grad_() for x in (sigmas, values)]
    weights, trans = render_weights(sigmas, t_starts, t_starts + lengths, info)
    sums = accumulate_along_rays(weights, values, info)
    return [weights, trans, sums, *torch.autograd.grad(sums.square().sum() + trans.sum(), leaves)]


def weights_of_alphas_case(device: str) -> list[Tensor]:
    alphas, info = on(device, numbers(243, seed=1), packed(3, 0, 40, 200))
    alphas.requires_grad_()
    weights, trans = render_weights_from_alphas(alphas, info)
    return [weights, trans, *torch.autograd.grad(weights.square().sum() + trans.sum(), alphas)]


def composited_case(device: str) -> list[Tensor]:
    sigmas, rgbs, t_starts, lengths, background, info = on(
        device, 8.0 * numbers(243, seed=1), numbers(243, 3), numbers(243), 0.1 * numbers(243, seed=2), numbers(4, 3),
        packed(3, 0, 40, 200),
    )  # fmt: skip
    t_ends, results = t_starts + lengths, []
    leaves = [x.requires_grad_() for x in (sigmas, rgbs, t_starts, t_ends)]
    for weights in (None, lengths / 200.0):
        out = composite(sigmas, rgbs, t_starts, t_ends, info, background, weights)
        hit = info[:, 1] > 0
        total = out.colors.square().sum() + out.opacities.square().sum() + out.depths[hit].sum() + out.weights.sum()
        results += [*out, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]
    return results


def upkeep_case(device: str) -> list[Tensor]:
    shape = (2, 8, 8, 8)
    seen, occs, positions, sigmas, shares = on(
        device, torch.full(shape, UNSEEN), numbers(*shape), 4.0 * numbers(900, 3) - 2.0, 9.0 * numbers(900),
        numbers(48, 3),
    )  # fmt: skip
    observe(geometry(BOX, shape), seen, positions, sigmas, 0.1)
    before, binaries, changed = seen.clone(), occs > 0.5, torch.zeros_like(occs, dtype=torch.int8)
    fold(seen, 0.5, occs, 0.3, binaries, changed)
    points = points_in(geometry(BOX, shape), 21 * torch.arange(48, device=device), shares)
    return [before, seen, occs, binaries.float(), changed.float(), points]


def cells_case(device: str) -> list[Tensor]:
    state, rays = GridState(BOX, random_cells(2, 0.1).to(device)), rays_around(100).to(device)
    hits = first_cells(state, rays, MarchSettings()), cells_on_plane(state, rays, MarchSettings(), 2, 0.4)
    return [x.float() for hit in hits for x in hit[:2]]


def networks_case(device: str) -> list[Tensor]:
    leaves = on(device, numbers(700, 8), numbers(32, 8, seed=1) - 0.5, numbers(3, 32, seed=2) - 0.5)
    leaves = [x.requires_grad_() for x in leaves]
    y = mlp(leaves[0], leaves[1:], "float32")
    return [y, *torch.autograd.grad(y.square().sum(), leaves)]
