"""Running jobs: one scheduler, and the backends that start worker processes."""
