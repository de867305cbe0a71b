"""Firstlight's engine: datasets, kernels, fields, samplers, rendering and training. It knows no window.

Importing it changes nothing in the process; `core.process.configure` makes a process fast at training and rendering.
"""
