"""Which images to label by hand first."""
