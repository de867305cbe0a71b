"""One file per dataset format, each of which defines a `Format`."""
