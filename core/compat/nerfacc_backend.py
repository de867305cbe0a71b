"""Runs programs written for nerfacc on any machine: Firstlight's kernels in place of its CUDA extension.

nerfacc (Li et al. 2023) needs CUDA and nvcc, although only its module `csrc` does. `install` puts `core.compat.csrc`
there, whose kernels Warp compiles for the CPU, and for a GPU without nvcc.

    python -m core.compat.nerfacc_backend SCRIPT.py [ARGS ...]

runs a script with it, unchanged.
"""

import importlib
import importlib.util
import runpy
import sys
from pathlib import Path

import torch
from torch import Tensor

from core.compat import csrc
from core.process import configure


def install(replace_extension: bool = False) -> bool:
    """Let nerfacc compute with Firstlight's kernels, from now on, in this process.

    Args:
        replace_extension: also where nerfacc's own CUDA extension is built; else that is left alone.

    Returns:
        Whether Firstlight's kernels are in use.
    """
    import nerfacc

    if not replace_extension and _has_extension():
        return False
    sys.modules["nerfacc.csrc"] = csrc
    nerfacc.csrc = csrc
    backend = sys.modules.get("nerfacc.cuda._backend")
    if backend is not None:  # nerfacc has looked for its extension already
        backend._C = csrc
    original = importlib.import_module("nerfacc.pack").pack_info
    for name, module in list(sys.modules.items()):  # it is imported by name in several places
        if name.partition(".")[0] == "nerfacc" and getattr(module, "pack_info", None) is original:
            module.pack_info = pack_info
    return True


@torch.no_grad()
def pack_info(ray_indices: Tensor, n_rays: int | None = None) -> Tensor:
    """The first sample and the number of samples of each ray, (n_rays, 2), in the indices' number format.

    nerfacc's own refuses tensors on the CPU.

    Args:
        ray_indices: (n_samples,) int64, ascending.
        n_rays: None: up to the last ray with a sample.
    """
    if ray_indices.ndim != 1:
        raise ValueError(f"expected ray_indices of shape (n_samples,), found {tuple(ray_indices.shape)}")
    counts = torch.bincount(ray_indices, minlength=n_rays or 0).to(ray_indices.dtype)
    return torch.stack([counts.cumsum(0, dtype=counts.dtype) - counts, counts], dim=-1)


def run(script: Path, arguments: list[str]) -> None:
    """Run a script as `python SCRIPT ARGUMENTS` would, with nerfacc on Firstlight's kernels."""
    configure(torch_threads=None)  # its networks are torch's
    install()
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")


def main() -> None:
    """Run the script that the command line names."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        found = f"found no file {sys.argv[1]}" if len(sys.argv) > 1 else "found none"
        print(f"expected a script to run, {found}: python -m core.compat.nerfacc_backend SCRIPT.py", file=sys.stderr)
        raise SystemExit(2)
    run(Path(sys.argv[1]), sys.argv[2:])


def _has_extension() -> bool:
    """Whether nerfacc's CUDA extension is part of its installation, or was built before."""
    installed = sys.modules.get("nerfacc.csrc")
    if installed is not None:
        return installed is not csrc
    backend = sys.modules.get("nerfacc.cuda._backend")
    if getattr(backend, "_C", None) is not None:
        return True
    return importlib.util.find_spec("nerfacc.csrc") is not None


if __name__ == "__main__":
    main()
