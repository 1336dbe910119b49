"""A run and its files, and all distrust of them: training, checkpoints, the learning curve."""
