"""Pictures of the benchmark, and the numbers that they are drawn from."""
