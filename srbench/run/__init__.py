"""Running suites: plans, jobs with content keys, workers, scores and records."""
