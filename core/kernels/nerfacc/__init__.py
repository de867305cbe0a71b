"""nerfacc's CUDA kernels, once nvcc has built them, behind the same functions as Warp's."""
