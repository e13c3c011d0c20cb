"""What every route of the API passes before its own code runs, a team's as well as Duet's."""
