"""The command line: train, watch, play, evaluate and compare."""
