"""A GPU with little memory: batches and pictures become smaller, images stay on the host, and the user is told."""

from dataclasses import replace

import pytest
import torch

from core.commands.timed_run import evaluate_views
from core.datasets.residence import views_on
from core.errors import OutOfMemory
from core.kernels.runtime import gpu_memory
from core.rendering.metrics import ssim
from core.rendering.render import render_image
from core.training.build import new_trainer
from tests.pretended_cuda.scenes import dataset_for, small_method

MB = 1 << 20


def trainer_for(field="ngp", sampler="stratified", dataset=None, **training):
    method = small_method(field, sampler, **({"n_bins": 32} if sampler == "stratified" else {}))
    method = replace(method, training={**method.training, **training})
    return new_trainer(dataset or dataset_for(field), "cuda", 0, method)


def picture(trainer, size=64):
    camera = trainer.dataset.test.cameras[0].resized(size, size).to("cuda")
    return render_image(
        trainer.field, trainer.sampler, camera, trainer.settings.march, torch.ones(3, device="cuda")
    ).colors


@pytest.mark.parametrize(("field", "sampler"), [("mlp", "stratified"), ("ngp", "hierarchical"), ("dense", "occupancy")])
def test_a_picture_takes_no_more_memory_than_there_is_and_is_the_same(field, sampler, gpu):
    trainer = trainer_for(field, sampler)
    trainer.step()
    expected = picture(trainer)
    room = 6 * MB
    for share in (gpu_memory.SHARE, 1e9):  # also if nothing is measured, so that the first piece doesn't fit
        gpu_memory.fitting_of(trainer.sampler).n = 1 << 13 if share < 1.0 else 1 << 17
        with gpu.limited_to(gpu.bytes_held() + room), gpu.peak_of() as peak, pytest.MonkeyPatch.context() as patch:
            patch.setattr(gpu_memory, "SHARE", share)
            found = picture(trainer)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert peak[0] <= room


def test_pieces_of_pictures_grow_where_there_is_room(gpu):
    trainer = trainer_for()
    picture(trainer)
    assert gpu_memory.fitting_of(trainer.sampler).n > 64 * 64


def test_the_most_memory_in_use_is_known_though_pieces_are_measured(gpu):
    held = gpu.bytes_held()
    large = torch.zeros(64 * MB, dtype=torch.uint8, device="cuda")
    del large
    picture(trainer_for())
    assert gpu_memory.most_in_use("cuda") >= held + 64 * MB


def test_a_full_gpu_is_told_in_one_line(gpu):
    trainer = trainer_for()
    with gpu.limited_to(gpu.bytes_held() + (1 << 14)):
        with pytest.raises(OutOfMemory, match=r"GPU's memory is full \(0\.0 of .* close other programs"):
            picture(trainer)
        with pytest.raises(OutOfMemory, match="smallest training step"):
            trainer.step()
    trainer.step()


def test_training_goes_on_with_batches_that_fit_and_says_so_once(gpu):
    trainer = trainer_for(target_samples=1 << 16, max_rays=1 << 14)
    assert trainer.step().n_samples > 1 << 15
    with gpu.limited_to(gpu.bytes_held() + 12 * MB), gpu.peak_of() as peak:
        trainer._memory._n_steps = 0
        stats = [trainer.step() for _ in range(6)]
    assert peak[0] <= 12 * MB and 100 < stats[-1].n_samples < 1 << 15
    (note,) = trainer.notes
    assert "of the 65,536 samples of a training step" in note
    for _ in range(200):
        trainer._memory._most *= 1.05
    assert trainer.step().n_samples > 1 << 15 and trainer.notes == [note]


@pytest.mark.parametrize(("field", "sampler"), [("mlp", "hierarchical"), ("dense", "occupancy"), ("ngp-t", "proposal")])
def test_every_method_stays_within_what_there_is(field, sampler, gpu):
    trainer = trainer_for(field, sampler, target_samples=1 << 15, max_rays=1 << 12)
    trainer.step()
    room = 16 * MB
    with gpu.limited_to(gpu.bytes_held() + room), gpu.peak_of() as peak:
        trainer._memory._n_steps = 0
        for _ in range(3):
            assert trainer.step().n_samples > 100
        assert bool(picture(trainer, 48).isfinite().all())
    assert 0 < peak[0] <= room


def test_views_are_measured_where_their_comparison_does_not_fit(gpu, monkeypatch):
    trainer = trainer_for()
    views = trainer.dataset.test.spread(1)
    expected = evaluate_views(trainer, views)

    def full_on_gpu(a, b, mask=None):
        if a.is_cuda:
            raise torch.OutOfMemoryError
        return ssim(a, b, mask)

    monkeypatch.setattr("core.rendering.metrics.ssim", full_on_gpu)
    assert evaluate_views(trainer, views).ssim == pytest.approx(expected.ssim)


def test_ssim_takes_a_hundred_bytes_for_a_pixel(gpu):
    a, b = torch.rand(2, 300, 300, 3, device="cuda")
    with gpu.peak_of() as peak:
        ssim(a, b)
    assert peak[0] / 300**2 < 130.0


def test_the_last_good_state_takes_none_of_the_gpus_memory(gpu):
    trainer = trainer_for("dense")
    trainer.step()
    trainer._last_good.keep(trainer.state_tensors(), trainer.counters(), trainer.settings.march)
    with gpu.peak_of() as peak:
        trainer._last_good.keep(trainer.state_tensors(), trainer.counters(), trainer.settings.march)
    assert peak[0] == 0
    kept = trainer._last_good.good.tensors
    assert all(not x.is_cuda for x in kept.values())
    before = trainer.field.table.detach().clone()
    trainer.step()
    assert trainer.restore_last_good() == 1 and torch.equal(trainer.field.table, before)
    trainer.step()


def test_trainers_of_one_dataset_share_its_images(gpu):
    dataset = dataset_for("ngp")
    first = trainer_for(dataset=dataset)
    first.exclude(frozenset({1, 2}))
    second = new_trainer(dataset, "cuda", 0, small_method("dense"), excluded=frozenset({0}))
    first.step(), second.step()
    images = first._batches.views.images
    assert images.is_cuda and images.data_ptr() == second._batches.views.images.data_ptr()
    assert torch.equal(images.cpu(), dataset.train.images)


def test_images_that_would_fill_the_gpu_stay_on_the_host(gpu):
    dataset = dataset_for("ngp", "max")
    images = dataset.train.images.repeat_interleave(40, 1).repeat_interleave(40, 2)
    cameras = dataset.train.cameras.resized(24 * 40, 24 * 40)
    large = replace(dataset, train=replace(dataset.train, images=images, cameras=cameras))
    with gpu.limited_to(gpu.bytes_held() + int(1.5 * images.nbytes)):
        trainer = trainer_for(dataset=large)
        (note,) = trainer.notes
        assert "stay in the computer's" in note and "0.0 GB" in note
        assert not trainer._batches.views.images.is_cuda and trainer._batches.views.cameras.c2w.is_cuda
        trainer.exclude(frozenset({3}))
        for _ in range(5):
            trainer.step()
        with gpu.counted_waits() as waits:
            losses = [trainer.step().loss]
        assert waits.total() <= 3, waits
    assert views_on("cuda", large.train).images.is_cuda
    assert len({float(trainer._batches.draw(64, trainer._generator).targets.sum()) for _ in range(4)}) == 4
    assert all(0.0 < loss < 1.0 for loss in losses)
