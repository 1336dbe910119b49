"""The command line: train, watch, play, evaluate and compare, for Catch and for any Gymnasium game.

`front` runs a command. `options` defines its options. Every other file is one command.
"""
