"""The thread that owns every torch object, and the mailbox through which the window talks to it. Imports `tools` and
what stands above it.
"""
