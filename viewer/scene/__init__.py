"""An open scene on the session's thread: its trainer, curves and ways out of a collapse. Imports `protocol` and
`picture`.
"""
