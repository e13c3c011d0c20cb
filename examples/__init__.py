"""A team's own extensions, small and complete, to be read, run and copied."""
