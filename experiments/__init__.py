"""Data, runs, training, sweeps and the command line: the only room where guidance, classifiers and analysis meet."""
