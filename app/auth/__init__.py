"""Who may enter, and how they prove it. Knows no web framework and no database driver."""
