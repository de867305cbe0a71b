"""Optimises a field on a dataset, without threads or a window. Imports `rendering` and everything below it."""
