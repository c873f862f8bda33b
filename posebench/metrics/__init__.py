"""Metrics: each one a short pure function of poses, batched over any leading dimensions."""
