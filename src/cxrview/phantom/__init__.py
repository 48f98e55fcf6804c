"""Computed radiographs of synthetic patients, labelled: a chest in closed-form geometry."""
