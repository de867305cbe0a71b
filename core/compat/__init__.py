"""Firstlight's kernels behind other libraries' interfaces: programs written for these run on any machine.

It may import `core.kernels` and `core.geometry`.
"""
