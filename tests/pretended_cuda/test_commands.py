"""The command line on the pretended GPU, snapshots between devices, and code written for nerfacc."""

import json

import pytest
import torch

import run_viewer
from core.commands import bench, doctor
from core.commands.bench_report import Machine
from core.fields.along_rays import AlongRays
from core.kernels.camera_rays import generate_rays
from core.rendering import render_image, render_rays
from core.samplers import SAMPLERS
from core.training.build import new_trainer
from core.training.snapshot import load_snapshot, save_snapshot
from tests.pretended_cuda.scenes import dataset_for, small_method
from tests.scenes import use_small_presets
from tests.viewer.live import write_quick_ball


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return write_quick_ball(tmp_path_factory.mktemp("scene") / "ball")


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command that must succeed; returns what it printed."""
    use_small_presets(monkeypatch)

    def run(*arguments):
        code = run_viewer.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return run


def test_commands_train_render_sweep_and_compare(ball, run, tmp_path):
    unchecked = ("--no-check",)
    run("train", ball, "--steps", 6, "--output", tmp_path / "t", *unchecked)
    report = json.loads((tmp_path / "t/report.json").read_text())
    assert report["device"] == "cuda" and report["peak_gpu_memory_mb"] > 1.0 and report["test"]["psnr"] > 5.0
    snapshot = tmp_path / "t/snapshot.safetensors"
    small = ("--size", "24x24", *unchecked)
    run("render", snapshot, "--output", tmp_path / "a.png", "--camera", 1, "--depth", tmp_path / "d.npz", *small)
    run("render", snapshot, "--output", tmp_path / "b.png", "--like", tmp_path / "a.png", *unchecked)
    run("render", snapshot, "--output", tmp_path / "c.png", "--camera", 1, "--compare", "photo", *small)
    run("render", snapshot, "--output", tmp_path / "e.png", "--device", "cpu", "--size", "24x24")
    run("sweep", snapshot, "--over", "early_stop_eps", "--output", tmp_path / "s", "--values", 3, *small)
    methods = "ngp+occupancy,ngp+proposal"
    run("compare", ball, "--methods", methods, "--seconds", 0.2, "--views", 1, "--output", tmp_path / "c", *unchecked)
    assert len((tmp_path / "c/compare.csv").read_text().splitlines()) == 3


def test_a_full_gpu_is_one_line_and_exit_code_2(ball, gpu, monkeypatch, capsys, tmp_path):
    use_small_presets(monkeypatch)
    with gpu.limited_to(gpu.bytes_held() + (1 << 15)):
        code = run_viewer.main(["train", str(ball), "--steps", "2", "--output", str(tmp_path / "t"), "--no-check"])
    error = capsys.readouterr().err
    assert code == 2 and error.count("\n") == 1 and "memory is full" in error and "--downscale" in error


def test_doctor_and_bench(run, ball, monkeypatch, tmp_path):
    assert "NVIDIA Pretended" in "\n".join(doctor.lines(doctor.examine()))
    monkeypatch.setattr(bench, "measure_machine", lambda *_: Machine(1e3, 1e2, 1))
    monkeypatch.setattr(bench, "_times", lambda work, device, repeats=1: [1e-3 for _ in [work()]])
    monkeypatch.setattr(bench, "_WARM_SECONDS", 0.1)
    monkeypatch.setattr(bench, "_VIEW_SIZES", (20,))
    run("bench", ball, "--output", tmp_path / "bench.json", "--no-check")
    assert "march and its densities" in (tmp_path / "bench.json").read_text()


def go_on(path, device, folder):
    trainer = load_snapshot(path, device)
    for _ in range(2):
        trainer.step()
    tensors = [x for name, x in trainer.state_tensors().items() if not name.endswith(("generator", ".step"))]
    assert {x.device.type for x in tensors} == {device}
    new = folder / f"{device}.{path.name}"
    save_snapshot(new, trainer)
    return new


def test_snapshots_go_from_device_to_device(ball, run, tmp_path):
    run("train", ball, "--steps", 3, "--output", tmp_path / "t", "--no-check")
    there = tmp_path / "t/snapshot.safetensors"
    back = go_on(go_on(go_on(there, "cuda", tmp_path), "cpu", tmp_path), "cuda", tmp_path)
    first, second = (load_snapshot(back, "cuda") for _ in range(2))
    assert [first.step().loss for _ in range(3)] == [second.step().loss for _ in range(3)]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nerfaccs_functions_are_rendered(sampler):
    trainer = new_trainer(dataset_for(), "cuda", 0, small_method("ngp", sampler))
    trainer.step()
    field, camera = trainer.field, trainer.dataset.test.cameras[1].resized(16, 16).to("cuda")
    rays = generate_rays(camera)

    def sigma_fn(t_starts, t_ends, ray_indices):
        middles = (t_starts + t_ends)[:, None] / 2.0
        return field.density(rays.rays_o[ray_indices] + rays.rays_d[ray_indices] * middles)[0]

    def rgb_sigma_fn(t_starts, t_ends, ray_indices):
        middles = (t_starts + t_ends)[:, None] / 2.0
        sigmas, features = field.density(rays.rays_o[ray_indices] + rays.rays_d[ray_indices] * middles)
        return field.color(features, rays.rays_d[ray_indices]), sigmas

    march, white = trainer.settings.march, torch.ones(3, device="cuda")
    with torch.no_grad():
        found = render_rays(AlongRays(sigma_fn, rgb_sigma_fn), trainer.sampler, rays, march, white).colors
    expected = render_image(field, trainer.sampler, camera, march, white).colors.view(-1, 3)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("sampler", ["occupancy", "stratified"])
def test_a_camera_or_background_left_on_the_cpu_is_refused_by_name(sampler):
    trainer = new_trainer(dataset_for(), "cuda", 0, small_method("ngp", sampler))
    camera, march = trainer.dataset.test.cameras[1].resized(16, 16), trainer.settings.march
    for white in (torch.ones(3), torch.ones(3, device="cuda")) * 2:
        with pytest.raises(ValueError, match=r"camera\.to\(trainer\.device\)"):
            render_image(trainer.field, trainer.sampler, camera, march, white)
    with pytest.raises(ValueError, match=r"camera\.to|background"):
        render_image(trainer.field, trainer.sampler, camera.to("cuda"), march, torch.ones(3))
