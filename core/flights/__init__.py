"""Flights: camera paths through key frames, ready-made ones, and their files. Numpy and SciPy; imports `geometry` and
what stands above it.
"""
