"""The commands that need no window, one file each: their flags, and what they run.

A new one is a new file and a line in `run_viewer.py`.
"""
