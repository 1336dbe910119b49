"""A game is other people's code. Its mistakes become one line; what is harmless is converted.

`game` is the guard around the game, `spaces` converts what it returns, `errors` words the lines;
`files` guards the disk, where a file is written whole or not at all.
"""
