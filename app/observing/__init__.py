"""What is seen of a running process: health, metrics, traces, log."""
