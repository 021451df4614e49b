"""What is made once, one kind of task a file: trainings, samples, measures, and looks at networks."""
