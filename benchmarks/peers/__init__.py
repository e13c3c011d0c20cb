"""What a team would run instead: small, honest apps at their best settings.

Each is one process of one worker, as Duet is, with bcrypt at the same cost. Those with Flask have forty threads:
with fewer than log in at once all other pages would wait for a thread, whatever the processor does.
"""
