"""An open scene on the session's thread: its trainer, its curves, its rescues from a collapse. Imports `protocol` and
`picture`.
"""
