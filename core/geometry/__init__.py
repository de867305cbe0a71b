"""Rays, boxes, cameras, lenses and scene placement: the only home of axis and pixel conventions. Imports `config`."""
