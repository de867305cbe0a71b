"""nerfacc's own Python over our kernels: what its functions promise, in its words, on the CPU."""

import subprocess
import sys
from pathlib import Path

import nerfacc
import nerfacc.cameras
import pytest
import torch

from core.compat import csrc, nerfacc_backend
from core.compat.nested_march import march_nested
from core.kernels.grid_walk import WalkLimits
from tests.core.kernels.test_grid_walk import walked
from tests.core.kernels.walk_twin import random_rays
from tests.readme import python_block

REPOSITORY = Path(__file__).resolve().parents[3]
INDICES = torch.tensor([0, 2, 2, 2, 2])
ALPHAS = torch.tensor([0.4, 0.3, 0.8, 1.0, 0.5])


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """nerfacc over our kernels, and afterwards as it was."""
    for name, module in list(sys.modules.items()):
        for function in ("pack_info", "rendering"):
            if name.partition(".")[0] == "nerfacc" and hasattr(module, function):
                monkeypatch.setattr(module, function, getattr(module, function))
    monkeypatch.setattr(nerfacc, "csrc", None, raising=False)
    monkeypatch.setitem(sys.modules, "nerfacc.csrc", csrc)
    if "nerfacc.cuda._backend" in sys.modules:
        monkeypatch.setattr(sys.modules["nerfacc.cuda._backend"], "_C", None)
    exec(python_block("nerfacc_backend.install"), {})  # as the folder's README has it


def test_rays_are_packed_on_the_cpu():
    assert nerfacc.pack_info(INDICES, 4).tolist() == [[0, 1], [1, 0], [1, 4], [5, 0]]
    assert nerfacc.volrend.pack_info(INDICES).shape == (3, 2)
    assert nerfacc.pack_info(INDICES[:0], 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="found \\(1, 5\\)"):
        nerfacc.pack_info(INDICES[None])
    with pytest.raises(ValueError, match="expected ray_indices below n_rays, 2, found 2"):
        nerfacc.pack_info(INDICES, 2)


def test_weights_of_alphas_and_their_gradients_are_exact_behind_an_opaque_sample():
    alphas = ALPHAS.clone().requires_grad_()
    weights, trans = nerfacc.render_weight_from_alpha(alphas, ray_indices=INDICES, n_rays=3)
    torch.testing.assert_close(trans, torch.tensor([1.0, 1.0, 0.7, 0.14, 0.0]))
    torch.testing.assert_close(weights, trans * ALPHAS)
    weights.sum().backward()
    # d w / d alpha of the last ray's third sample: its own 0.14, less what it takes from the one behind it
    torch.testing.assert_close(alphas.grad, torch.tensor([1.0, 0.0, 0.0, 0.14 - 0.07, 0.0]))


def test_an_occupancy_estimator_samples_and_renders_and_trains():
    torch.manual_seed(0)
    estimator = nerfacc.OccGridEstimator(roi_aabb=[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], resolution=16, levels=2)
    density = torch.nn.Parameter(torch.tensor(3.0))

    def sigma_at(positions):
        return density * (positions.norm(dim=-1) < 0.6)

    estimator.train()
    for step in range(0, 32, 16):
        estimator.update_every_n_steps(step, lambda x: sigma_at(x)[:, None].detach() * 0.02, occ_thre=1e-2)
    share = float(estimator.binaries[0].float().mean())
    assert 0.03 < share < 0.4
    rays_o, rays_d = random_rays(50, torch.Generator().manual_seed(1), 2.0)

    def sigma_fn(t_starts, t_ends, rays):
        return sigma_at(rays_o[rays] + rays_d[rays] * (t_starts + t_ends)[:, None] / 2)

    def rgb_sigma_fn(t_starts, t_ends, rays):
        sigmas = sigma_fn(t_starts, t_ends, rays)
        return torch.ones(len(sigmas), 3), sigmas

    rays, t_starts, t_ends = estimator.sampling(rays_o, rays_d, sigma_fn=sigma_fn, render_step_size=0.02)
    assert len(rays) > 0 and bool((t_ends > t_starts).all())
    colors, opacities, depths, _ = nerfacc.rendering(t_starts, t_ends, rays, 50, rgb_sigma_fn=rgb_sigma_fn)
    assert colors.shape == (50, 3) and bool((depths[opacities > 0.5] < 2.1).all())
    # the ball's chord through the middle is at most 1.2 long
    assert 0.0 < float(opacities.detach().max()) <= 1.0 - float(torch.exp(-3.0 * torch.tensor(1.3)))
    colors.sum().backward()
    assert float(density.grad) > 0.0


def test_pixels_are_composited_as_nerfacc_does():
    generator = torch.Generator().manual_seed(3)
    counts = torch.tensor([4, 0, 9, 1])
    rays, n = torch.repeat_interleave(torch.arange(4), counts), int(counts.sum())
    t_starts = torch.rand(n, generator=generator)
    t_ends = t_starts + torch.rand(n, generator=generator)
    leaves = [torch.rand(n, 3, generator=generator), 3.0 * torch.rand(n, generator=generator)]

    def results(rendering, background):
        rgbs, sigmas, *ends = inputs = [x.clone().requires_grad_() for x in (*leaves, t_starts, t_ends)]
        found = rendering(*ends, rays, 4, lambda *_: (rgbs, sigmas), render_bkgd=background)
        extras = [found[3][name] for name in ("weights", "alphas", "trans", "sigmas", "rgbs")]
        total = sum((i + 1.0) * x.square().sum() for i, x in enumerate((*found[:3], *extras)))
        return [*found[:3], *extras, *torch.autograd.grad(total, inputs)]

    ours = nerfacc.volrend.rendering
    (original,) = [x.cell_contents for x in ours.__closure__]
    for background in (None, torch.rand(3), torch.rand(4, 3)):
        for a, b in zip(results(ours, background), results(original, background), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    of_alphas = nerfacc.rendering(t_starts, t_ends, rays, 4, rgb_alpha_fn=lambda *_: (leaves[0], leaves[1] / 3.0))
    assert of_alphas[0].shape == (4, 3)
    with pytest.raises(AssertionError, match="rgbs must have 3 channels"):
        nerfacc.rendering(t_starts, t_ends, rays, 4, lambda *_: (leaves[0][:, :2], leaves[1]))
    with pytest.raises(AssertionError, match="must have the same shape"):
        nerfacc.rendering(t_starts, t_ends, torch.cat([rays, rays + 4]), 8, lambda *_: leaves)


@pytest.mark.parametrize("n", [1000, 1_000_000])
def test_long_rays_lose_no_light(n):
    generator = torch.Generator().manual_seed(0)
    sigmas, ends = torch.rand(n, generator=generator) * 4.0 / n, torch.ones(n)
    rays = torch.zeros(n, dtype=torch.int64)
    extras = nerfacc.rendering(torch.zeros(n), ends, rays, 1, lambda *_: (torch.rand(n, 3), sigmas))[3]
    expected = torch.exp(sigmas.double() - sigmas.double().cumsum(0))
    assert float((extras["trans"] / expected - 1.0).abs().max()) < 1e-6


def test_a_proposal_estimator_resamples_along_the_density():
    torch.manual_seed(0)
    estimator = nerfacc.PropNetEstimator()

    def proposal(t_starts, t_ends):
        middles = (t_starts + t_ends) / 2
        return (50.0 * ((middles - 3.0).abs() < 0.2))[..., None].squeeze(-1)

    t_starts, t_ends = estimator.sampling(
        [proposal], [64], 32, n_rays=5, near_plane=2.0, far_plane=6.0, sampling_type="uniform", stratified=True
    )
    assert t_starts.shape == (5, 32) and bool((t_ends >= t_starts).all())
    assert float(((t_starts + t_ends) / 2 - 3.0).abs().mean()) < 0.4


def test_packed_rays_are_resampled_to_different_counts():
    intervals = nerfacc.RayIntervals(
        torch.tensor([0.0, 1.0, 0.0, 1.0, 2.0]), packed_info=torch.tensor([[0, 2], [2, 3]])
    )
    cdfs = torch.tensor([0.0, 1.0, 0.0, 0.5, 1.0])
    edges, samples = nerfacc.importance_sampling(intervals, cdfs, torch.tensor([2, 4]))
    assert samples.vals.tolist() == [0.25, 0.75, 0.25, 0.75, 1.25, 1.75]
    assert edges.vals.tolist() == [0.0, 0.5, 1.0, 0.0, 0.5, 1.0, 1.5, 2.0]
    assert edges.packed_info.tolist() == [[0, 3], [3, 5]] and samples.ray_indices.tolist() == [0, 0, 1, 1, 1, 1]
    assert edges.is_left.tolist() == [True, True, False, True, True, True, True, False]
    assert edges.is_right.tolist() == [False, True, True, False, True, True, True, True]
    left, right = nerfacc.searchsorted(intervals, edges)
    assert left.tolist() == [0, 0, 0, 2, 2, 3, 3, 3] and right.tolist() == [1, 1, 1, 3, 3, 4, 4, 4]


def test_rays_without_edges_or_keys_are_empty():
    nothing = nerfacc.RayIntervals(torch.zeros(2, 0))
    edges, samples = nerfacc.importance_sampling(nothing, torch.zeros(2, 0), 3)
    assert edges.vals.tolist() == [[0.0] * 4] * 2 and samples.vals.tolist() == [[0.0] * 3] * 2
    left, _ = nerfacc.searchsorted(nothing, edges)
    assert left.shape == (2, 4)


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: nerfacc.exclusive_sum(ALPHAS, torch.tensor([[0, 6]])), ValueError, "of 5 values, found that of 6"),
        (lambda: nerfacc.exclusive_sum(ALPHAS, torch.tensor([[0, 5]]).int()), TypeError, "int64, found torch"),
        (lambda: importance((2, 4), (2, 3), 4), ValueError, "expected cdfs of shape \\(8,\\), found \\(6,\\)"),
        (lambda: importance((2, 4), (2, 4), torch.tensor([1, 1, 1])), ValueError, "n_intervals_per_ray of shape"),
        (lambda: nerfacc.searchsorted(intervals(2, 4), intervals(9, 4)), ValueError, "expected keys of 9 rays"),
        (lambda: traversed(near_planes=torch.zeros(2)), ValueError, "near_planes of shape \\(5,\\), found \\(2,\\)"),
        (lambda: traversed(rays_mask=torch.ones(5)), TypeError, "bool, found torch"),
        (lambda: traversed(n_boxes=1), ValueError, "expected aabbs of shape \\(2, 6\\), found \\(1, 6\\)"),
    ],
)
def test_what_would_be_read_beyond_its_end_is_refused(call, kind, match):
    with pytest.raises(kind, match=match):
        call()


def intervals(*shape):
    return nerfacc.RayIntervals(torch.zeros(shape))


def importance(shape, cdf_shape, n):
    return nerfacc.importance_sampling(intervals(*shape), torch.zeros(cdf_shape), n)


def traversed(n_boxes=2, **planes):
    rays = random_rays(5, torch.Generator().manual_seed(0), 1.5)
    boxes = torch.tensor([1.0, 2.0])[:, None] * torch.tensor([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0])
    binaries = torch.ones(2, 4, 4, 4, dtype=torch.bool)
    return nerfacc.traverse_grids(*rays, binaries, boxes[:n_boxes], step_size=0.1, **planes)


def test_lens_distortion_is_undone():
    points = torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    for params, bend, straighten in (
        (8, nerfacc.cameras._opencv_lens_distortion, nerfacc.cameras.opencv_lens_undistortion),
        (4, nerfacc.cameras._opencv_lens_distortion_fisheye, nerfacc.cameras.opencv_lens_undistortion_fisheye),
    ):
        coefficients = 0.05 * torch.rand(params, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(straighten(bend(points, coefficients), coefficients), points, atol=1e-5, rtol=0.0)
    with pytest.raises(ValueError, match="expected 5 or 8 coefficients of a lens, found 12"):
        csrc.opencv_lens_undistortion(points, torch.zeros(40, 12), 1e-6, 10)


def test_nested_grids_are_marched_to_the_walks_samples():
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], [-2.0, -2.0, -2.0, 2.0, 2.0, 2.0]])
    rays_o, rays_d = random_rays(200, generator, 1.5)
    binaries = torch.rand(2, 8, 8, 8, generator=generator) > 0.5
    near = torch.rand(200, generator=generator)
    far = near + 2.0 * torch.rand(200, generator=generator)
    mask = torch.ones(200, dtype=torch.bool)
    marched = march_nested(rays_o, rays_d, binaries, boxes, WalkLimits(near, far, mask, 0.02))
    expected = walked(rays_o, rays_d, binaries, boxes, near, far, 0.02)
    assert marched is not None and expected.middles.vals.shape[0] > 1000
    same = marched.middles.counts == expected.middles.counts
    assert float(same.float().mean()) > 0.98  # a step's middle may lie on a face to rounding
    picked = [same[found.middles.ray_indices] for found in (marched, expected)]
    torch.testing.assert_close(marched.middles.vals[picked[0]], expected.middles.vals[picked[1]], rtol=0.0, atol=1e-4)
    torch.testing.assert_close(marched.ends[same], expected.ends[same], rtol=0.0, atol=1e-4)
    assert bool((marched.middles.vals >= near[marched.middles.ray_indices]).all())
    assert bool((marched.middles.vals < far[marched.middles.ray_indices]).all())


@pytest.mark.parametrize(
    "changes",
    [
        {"step_size": 0.0},
        {"cone_angle": 0.01},
        {"most_samples": 4},
        {"mask": torch.zeros(3, dtype=torch.bool)},
        {"near_planes": torch.tensor([0.0, -5.0, 0.0])},
    ],
    ids=["cells", "growing steps", "a limit", "masked rays", "planes behind a ray's origin"],
)
def test_what_the_march_cannot_do_is_walked(changes):
    rays_o, rays_d = random_rays(3, torch.Generator().manual_seed(0), 1.5)
    box, binaries = torch.tensor([[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]), torch.ones(1, 4, 4, 4, dtype=torch.bool)
    limits = WalkLimits(torch.zeros(3), torch.full((3,), 1e10), torch.ones(3, dtype=torch.bool), 0.02)
    assert march_nested(rays_o, rays_d, binaries, box, limits) is not None
    assert march_nested(rays_o, rays_d, binaries, box, limits._replace(**changes)) is None
    apart = torch.cat([box, box + 1.0])
    assert march_nested(rays_o, rays_d, binaries.expand(2, -1, -1, -1), apart, limits) is None


def test_a_grid_that_changes_in_place_is_marched_as_it_is():
    rays_o, rays_d = random_rays(20, torch.Generator().manual_seed(0), 1.5)
    box, binaries = torch.tensor([[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]), torch.ones(1, 4, 4, 4, dtype=torch.bool)
    for occupied in (True, False):
        binaries.fill_(occupied)
        _, samples, _ = nerfacc.traverse_grids(rays_o, rays_d, binaries, box, step_size=0.05)
        assert (len(samples.vals) > 0) == occupied


def test_a_box_behind_a_rays_origin_has_no_samples():
    box, binaries = torch.tensor([[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]), torch.ones(1, 4, 4, 4, dtype=torch.bool)
    ray = torch.tensor([[0.0, 0.0, 3.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    _, samples, _ = nerfacc.traverse_grids(*ray, binaries, box, near_planes=torch.tensor([-9.0]), step_size=0.05)
    assert samples.vals.numel() == 0


def test_grids_of_inference_mode_are_marched_as_they_are():
    box, rays = torch.tensor([[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]), random_rays(9, torch.Generator().manual_seed(0), 1.5)
    with torch.inference_mode():
        binaries = torch.ones(1, 4, 4, 4, dtype=torch.bool)
        for occupied in (True, False):
            binaries.fill_(occupied)
            _, samples, _ = nerfacc.traverse_grids(*rays, binaries, box, step_size=0.05)
            assert (len(samples.vals) > 0) == occupied


def test_float64_is_refused():
    with pytest.raises(TypeError, match="float32, found torch"):
        nerfacc.exclusive_sum(ALPHAS.double(), torch.tensor([[0, 5]]))


def test_an_extension_that_is_built_is_left_alone_unless_asked(monkeypatch):
    built = object()
    monkeypatch.setitem(sys.modules, "nerfacc.csrc", built)
    assert not nerfacc_backend.install() and sys.modules["nerfacc.csrc"] is built
    assert nerfacc_backend.install(replace_extension=True) and sys.modules["nerfacc.csrc"] is csrc


def test_a_script_runs_unchanged(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, torch\nfrom nerfacc import inclusive_prod\nfrom beside import value\n"
        "print(inclusive_prod(torch.tensor([2.0, 3.0]), torch.tensor([[0, 2]])).tolist(), sys.argv[1:], value)\n"
    )
    (tmp_path / "beside.py").write_text("value = 7\n")
    command = [sys.executable, "-m", "core.compat.nerfacc_backend", str(script), "--steps", "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert done.stdout == "[2.0, 6.0] ['--steps', '3'] 7\n" and done.returncode == 0, done.stderr


def test_a_script_that_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["nerfacc_backend", "nowhere.py"])
    with pytest.raises(SystemExit) as end:
        nerfacc_backend.main()
    assert end.value.code == 2 and "found no file nowhere.py" in capsys.readouterr().err
