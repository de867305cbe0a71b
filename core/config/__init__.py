"""The machinery of settings with their JSON, the march's and training's settings, presets, flags, scales, contractions
and the registry of what is chosen by name. Imports nothing of core but `errors`.
"""
