"""Inputs (paths, globs, lists, archives, object storage) -> items to read."""
