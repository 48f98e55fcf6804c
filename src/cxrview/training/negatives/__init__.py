"""Made-up pictures that are no chest films, to teach the gate what it should refuse."""
