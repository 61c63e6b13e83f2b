"""What command line and Python API share: prepare a suite, execute what it takes, show it."""
