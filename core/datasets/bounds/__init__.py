"""Where a scene lies and which of its cells may hold something, from silhouettes, points and cameras."""
