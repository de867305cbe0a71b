"""Rays, boxes, cameras, lenses and where a scene lies: the only home of axis and pixel conventions. Imports
`config`.
"""
