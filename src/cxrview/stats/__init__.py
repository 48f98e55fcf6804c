"""A table of verdicts -> what a person wants to know of it first: counts, conflicts, one page."""
