"""How the API says that something is wrong, in the words of whoever knows what."""
