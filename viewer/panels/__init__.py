"""One file per panel of the window. Imports `widgets` and what stands above it."""
