"""Optimises a field on a dataset: no threads, no window. Imports `rendering` and what stands above it."""
