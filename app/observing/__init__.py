"""What a running process shows of itself: health, metrics, traces and the log."""
