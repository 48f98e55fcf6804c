"""Statistics of a table of verdicts: counts, conflicts with headers, folders, image sizes."""
