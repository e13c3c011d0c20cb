"""The stores: one contract for both, and what is particular to each."""
