"""Where a scene lies and which of its cells may be occupied, from silhouettes, points and cameras."""
