"""Synthetic images that are no chest radiographs: what the gate is trained to reject."""
