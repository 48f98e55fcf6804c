"""Statistics of predictions: rates with intervals, curves, calibration, guarantees."""
