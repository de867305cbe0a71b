"""One file per dataset format, each of which defines `FORMAT`; `core.datasets` registers them."""
