"""Proposals place samples, learn to bound the field's weights, and gain influence gradually (annealing)."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.fields import make_field
from core.fields.base import Conditions
from core.fields.nerf import MLPSettings
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.rendering.render import render_rays, trace_rays
from core.samplers.proposal import ProposalSampler, ProposalSettings, annealed, proposal_fields
from core.samplers.resampling import Spacing
from core.samplers.stratified import StratifiedSampler, StratifiedSettings
from core.training.methods import method_settings
from core.training.trainer import Trainer
from tests.scenes import BALL_RADIUS, BOX, SMALL_FIELD, SMALL_TRAINING, Ball, ball_dataset, rays_inwards

MARCH = MarchSettings(early_stop_eps=0.0)
GREY = torch.full((64, 3), 0.3)
SMALL = ProposalSettings(n_proposals=2, n_first=24, n_second=16, n_final=20, proposal_resolution=32, distortion=0.1)


class BallProposal(torch.nn.Module):
    """A trained proposal: the ball's exact density."""

    def density(self, positions):
        return Ball(20.0).density(positions)


def sampler_of(settings=SMALL, proposals=None, spacing=Spacing()):
    proposals = proposals or proposal_fields(settings, Space(BOX), torch.Generator().manual_seed(0))
    return ProposalSampler(settings, BOX, proposals, spacing)


def taught(settings=SMALL, spacing=Spacing()):
    """A sampler with trained proposals, after annealing."""
    sampler = sampler_of(settings, [BallProposal() for _ in range(settings.n_proposals)], spacing)
    sampler.at_step(settings.anneal_steps)
    return sampler


def small_field():
    return make_field(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(1))


def inside(samples, rays, n):
    """How many of each ray's n samples are in the ball or just in front of it."""
    middles = 0.5 * (samples.t_starts + samples.t_ends).view(-1, n)
    places = rays.rays_o[:, None] + middles[..., None] * rays.rays_d[:, None]
    return (torch.linalg.vector_norm(places, dim=-1) < BALL_RADIUS + 0.15).sum(1)


def test_annealing_rises_from_0_to_1_and_mostly_early():
    shares = [annealed(x) for x in (0.0, 0.1, 0.5, 1.0, 7.0)]
    assert shares == sorted(shares) and (shares[0], shares[-2:]) == (0.0, [1.0, 1.0])
    assert shares[1] == pytest.approx(10.0 * 0.1 / (9.0 * 0.1 + 1.0)) and shares[1] > 0.5


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("spacing", [Spacing(), Spacing(3.5)])
@pytest.mark.parametrize("n_proposals", [1, 2])
def test_samples_cover_the_ray_and_concentrate_on_the_proposals(n_proposals, spacing, seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    rays, sampler = rays_inwards(), taught(replace(SMALL, n_proposals=n_proposals), spacing)
    sampled = sampler.sample(Ball(), rays, MARCH, generator, 8)
    even = StratifiedSampler(StratifiedSettings(20), BOX).sample(Ball(), rays, MARCH, None, 8).samples
    starts, ends = (x.view(64, 20) for x in sampled.samples[:2])
    assert torch.equal(starts[:, 1:], ends[:, :-1]) and bool((starts <= ends).all())
    torch.testing.assert_close(starts[:, 0], even.t_starts.view(64, 20)[:, 0])
    torch.testing.assert_close(ends[:, -1], even.t_ends.view(64, 20)[:, -1], rtol=1e-4, atol=0.0)
    passed = torch.linalg.vector_norm(torch.linalg.cross(rays.rays_o, rays.rays_d), dim=1)
    hit = passed < 0.8 * BALL_RADIUS
    assert float(inside(sampled.samples, rays, 20)[hit].float().mean()) > 12
    assert [len(p.weights) for p in sampled.passes] == [64 * 24, 64 * 16][:n_proposals]


def test_proposals_gain_influence_gradually():
    sampler, rays, found = taught(), rays_inwards(), []
    for step in (0, 20, 500):
        sampler.at_step(step)
        found.append(int(inside(sampler.sample(Ball(), rays, MARCH, None, 8).samples, rays, 20).sum()))
    even = StratifiedSampler(StratifiedSettings(20), BOX).sample(Ball(), rays, MARCH, None, 8).samples
    assert found == sorted(found) and found[0] < 1.2 * int(inside(even, rays, 20).sum()) < 0.8 * found[-1]


def test_annealing_is_part_of_the_state():
    sampler, again = taught(), sampler_of(SMALL, [BallProposal(), BallProposal()])
    assert not torch.equal(*(s.sample(Ball(), rays_inwards(), MARCH, None, 8).samples[0] for s in (sampler, again)))
    again.load_state_dict(sampler.state_dict())
    assert torch.equal(*(s.sample(Ball(), rays_inwards(), MARCH, None, 8).samples[0] for s in (sampler, again)))


def test_proposals_learn_only_from_their_loss_and_the_field_from_colours_and_distortion():
    field, sampler, rays = small_field(), sampler_of(), rays_inwards()
    with torch.no_grad():
        field.table.mul_(2e4)  # weights that a fresh proposal doesn't bound
    traced = trace_rays(field, sampler, rays, MARCH, GREY, torch.Generator().manual_seed(0))
    traced.output.colors.square().mean().backward(retain_graph=True)
    assert all(p.grad is None for p in sampler.parameters())
    assert all(bool(p.grad.any()) for p in field.parameters())
    field.zero_grad()
    sampler.loss(traced.sampled, traced.weights, rays, GREY, GREY).backward()
    assert all(bool(p.grad.any()) for p in sampler.parameters())
    taught = [p.grad is not None and bool(p.grad.any()) for p in (*field.density_layers, *field.color_layers)]
    assert taught == [True] * len(field.density_layers) + [False] * len(field.color_layers)

    field.zero_grad()
    without = sampler_of(replace(SMALL, distortion=0.0))
    traced = trace_rays(field, without, rays, MARCH, GREY)
    without.loss(traced.sampled, traced.weights, rays, GREY, GREY).backward()
    assert not any(p.grad is not None and bool(p.grad.any()) for p in field.parameters())


def test_proposals_learn_to_bound_the_weights():
    field, sampler, rays = Ball(20.0), sampler_of(replace(SMALL, distortion=0.0)), rays_inwards(128)
    background, generator = torch.ones(128, 3), torch.Generator().manual_seed(0)
    optimizer, losses = torch.optim.Adam(sampler.parameters(), lr=2e-2, betas=(0.9, 0.99), eps=1e-15), []
    for step in range(60):
        sampler.at_step(step * 10)
        traced = trace_rays(field, sampler, rays, MARCH, background, generator)
        loss = sampler.loss(traced.sampled, traced.weights, rays, background, background)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.1 * sum(losses[:10])
    exact = StratifiedSampler(StratifiedSettings(4096), BOX)
    with torch.no_grad():
        colors, expected = (
            render_rays(field, x, rays_inwards(), MARCH, torch.ones(3)).colors for x in (sampler, exact)
        )
    assert float((colors - expected).abs().mean()) < 0.02


def test_rays_that_miss_get_no_samples_and_no_loss():
    rays = rays_inwards()
    away = Rays(rays.rays_o, torch.where(torch.arange(64)[:, None] % 2 == 0, rays.rays_d, -rays.rays_d))
    half = trace_rays(Ball(), taught(), away, MARCH, GREY)
    every = trace_rays(Ball(), taught(), rays, MARCH, GREY)
    assert half.output.n_kept.tolist() == [20, 0] * 32 and half.output.n_marched.tolist() == [60, 0] * 32
    torch.testing.assert_close(half.output.colors[::2], every.output.colors[::2])
    none_away = Rays(rays.rays_o, -rays.rays_d)
    none = trace_rays(Ball(), taught(), none_away, MARCH, GREY)
    assert float(taught().loss(none.sampled, none.weights, none_away, GREY, GREY)) == 0.0


def test_proposal_hash_grids_have_their_own_learning_rate_next_to_a_network():
    field, sampler, train = method_settings("mlp", "proposal", Conditions("cuda"), SMALL_TRAINING)
    assert train.learning_rate * sampler.rate_factor == pytest.approx(SMALL_TRAINING.learning_rate)
    assert method_settings("ngp", "proposal", Conditions("cuda"), SMALL_TRAINING).sampler == ProposalSettings()
    small = replace(sampler, n_first=8, n_second=8, n_final=8, proposal_resolution=32)
    trainer = Trainer(ball_dataset(), replace(MLPSettings(), depth=2, width=16, skip=0), train, sampler_settings=small)
    before = {name: value.clone() for name, value in trainer.state_tensors().items()}
    trainer.step()
    moved = {
        name: float((trainer.state_tensors()[name] - before[name]).abs().max())
        for name in ("field.density_layer.weight", "sampler.proposals.0.table")
    }
    assert type(field) is MLPSettings
    assert moved["sampler.proposals.0.table"] > 10.0 * moved["field.density_layer.weight"] > 0.0


def test_it_works_in_unbounded_space():
    settings = replace(SMALL_TRAINING, grid_levels=5)
    annealed_soon = replace(SMALL, distortion=1e-3, anneal_steps=50)
    trainer = Trainer(ball_dataset(), SMALL_FIELD, settings, sampler_settings=annealed_soon)
    losses = [trainer.step().loss for _ in range(50)]
    assert sum(losses[-10:]) < 0.93 * sum(losses[:10])  # slow: the fog that fills all space must vanish first
    rays = rays_inwards()
    samples = trainer.sampler.sample(trainer.field, rays, settings.march, None, 8).samples
    starts, ends = (x.view(64, 20) for x in samples[:2])
    assert float(ends[:, -1].min()) > 16.0 and float((ends - starts)[:, -1].min()) > float((ends - starts)[:, 0].max())
