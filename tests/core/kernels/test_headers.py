"""Every C++ header is self-contained: it compiles alone."""

import pytest
import warp as wp

from core.kernels.runtime.cpp import HEADERS, build_options


@pytest.mark.parametrize("header", sorted(path.name for path in HEADERS.glob("*.h")))
def test_a_header_compiles_alone(header, tmp_path):
    module = wp.get_module(f"{__name__}.{header}")
    module.options["extra_build_options"] = build_options([header])

    @wp.kernel(module=module, enable_backward=False)
    def nothing():
        _ = wp.tid()

    wp.compile_aot_module(module, device="cpu", module_dir=tmp_path)
    assert [path for path in tmp_path.iterdir() if path.suffix == ".o"]
