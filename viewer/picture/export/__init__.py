"""Pictures and depths written to new files."""
