"""nerfacc's CUDA kernels where nvcc built them, behind the same functions as Warp's."""
