"""The tasks, one kind per file: trainings, samples, measures, and diagnostics of networks."""
