"""Firstlight's kernels behind other libraries' interfaces: programs written for these run on any machine.

It may import `core.kernels` and what these may import: `core.geometry` and `core.config`.
"""
