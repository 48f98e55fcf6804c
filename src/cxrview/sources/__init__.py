"""Named paths, globs, lists, archives and object storage -> items to read."""
