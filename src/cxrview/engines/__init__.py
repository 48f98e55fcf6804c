"""Engines apply a function to many inputs, here or on a cluster; they know nothing of images."""
