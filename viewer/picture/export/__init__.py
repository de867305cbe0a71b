"""Pictures and distances in new files. Imports what stands beside it in `viewer.picture`."""
