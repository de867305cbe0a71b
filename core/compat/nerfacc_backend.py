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
from collections.abc import Callable
from pathlib import Path

from core.compat import csrc
from core.compat.packing import pack_info
from core.compat.volume_rendering import fused_rendering
from core.process import configure


def install(replace_extension: bool = False) -> bool:
    """Let nerfacc compute with Firstlight's kernels, from now on, in this process.

    Args:
        replace_extension: also where nerfacc was installed with its CUDA extension or has loaded it; else that is left
            alone.

    Returns:
        Whether Firstlight's kernels are in use.
    """
    import nerfacc

    if not replace_extension and _has_extension():
        return False
    sys.modules["nerfacc.csrc"] = csrc
    setattr(nerfacc, "csrc", csrc)  # noqa: B010 - the module has no such attribute, as a type checker knows
    backend = sys.modules.get("nerfacc.cuda._backend")
    if backend is not None:  # nerfacc has looked for its extension already
        vars(backend)["_C"] = csrc
    pack_info_of_nerfacc = importlib.import_module("nerfacc.pack").pack_info
    if pack_info_of_nerfacc is not pack_info:
        _replace(pack_info_of_nerfacc, pack_info)
        rendering = importlib.import_module("nerfacc.volrend").rendering
        _replace(rendering, fused_rendering(rendering))
    return True


def _replace(original: Callable, other: Callable) -> None:
    """Replace a function wherever nerfacc's modules have imported it."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "nerfacc" and getattr(module, original.__name__, None) is original:
            setattr(module, original.__name__, other)


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
    """Whether nerfacc's CUDA extension is part of its installation, or was loaded before."""
    installed = sys.modules.get("nerfacc.csrc")
    if installed is not None:
        return installed is not csrc
    backend = sys.modules.get("nerfacc.cuda._backend")
    if getattr(backend, "_C", None) is not None:
        return True
    return importlib.util.find_spec("nerfacc.csrc") is not None


if __name__ == "__main__":
    main()
