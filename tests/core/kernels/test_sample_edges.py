import torch

from core.geometry.rays import Samples
from core.kernels.sample_edges import edges_and_middles


def test_adjoining_samples_share_an_edge_and_others_have_two():
    t_starts, t_ends = torch.tensor([0.0, 1.0, 3.0, 5.0]), torch.tensor([1.0, 2.0, 4.0, 6.0])
    packed_info = torch.tensor([[0, 3], [3, 0], [3, 1]], dtype=torch.int32)
    samples = Samples(t_starts, t_ends, torch.tensor([0, 0, 0, 2], dtype=torch.int32), packed_info)
    edges, middles = edges_and_middles(samples)
    assert edges.vals.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert edges.is_left.tolist() == [True, True, False, True, False, True, False]
    assert edges.is_right.tolist() == [False, True, True, False, True, False, True]
    assert edges.ray_indices.tolist() == [0, 0, 0, 0, 0, 2, 2]
    assert edges.starts.tolist() == [0, 5, 5] and edges.counts.tolist() == [5, 0, 2]
    assert middles.vals.tolist() == [0.5, 1.5, 3.5, 5.5] and middles.ray_indices.tolist() == [0, 0, 0, 2]
    assert middles.starts.tolist() == [0, 3, 3] and middles.counts.tolist() == [3, 0, 1] and middles.is_valid.all()
