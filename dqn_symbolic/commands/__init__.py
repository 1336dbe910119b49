"""The command line: the same commands for Catch and for any Gymnasium game.

`front` has the table of the commands, `options` makes their options. Every other file is a command,
which is imported when it is called.
"""
