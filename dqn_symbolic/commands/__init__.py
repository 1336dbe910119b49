"""The command line: train, watch, play, evaluate and compare, for Catch and for any Gymnasium game.

`front` finds the command; `options` makes its options; each other file is one command.
"""
