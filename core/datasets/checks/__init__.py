"""Checks a dataset before training: facts, poses, picture quality, and a drawing of its cameras."""
