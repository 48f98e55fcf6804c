"""Labelled images -> a model file. Needs the extra `train`."""
