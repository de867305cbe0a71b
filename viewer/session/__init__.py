"""The session in this process: the thread that owns every torch object, its mailbox, and how it answers view requests.
Imports `tools` and what stands above it.
"""
