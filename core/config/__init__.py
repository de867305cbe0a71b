"""Settings as frozen dataclasses: what the command line takes as flags and the window as sliders. Imports nothing of
core but `errors`.
"""
