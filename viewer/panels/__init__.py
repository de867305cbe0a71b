"""One file per panel of the window, which ends with its `PANEL`, and `registry`, which has a line for each. Imports
`widgets` and every part above it.
"""
