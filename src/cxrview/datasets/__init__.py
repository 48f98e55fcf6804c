"""Public collections -> one label table; and which images of a pile to label first."""
