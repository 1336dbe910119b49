"""The lecture's claims as experiments. Each is a list of conditions for the one agent.

An experiment is a module. Its docstring is the claim, with the slide that makes it. Its names:

    TITLE                          of the experiment in the report
    SEEDS                          the numbers of seeds, in full and quick; they count from 0
    conditions(quick)              -> {name: condition}, plain data; names become file names
    measure(condition, seed)       yields rows {column: number} of one job; games: also its folder
    table(rows), draw(rows)        yields lines [text, ...], the head first; -> matplotlib Figure

The rows of `table` and `draw` also have the columns "condition" and "seed". The game is Catch, with
the settings of `{"game": ...}`; any other game is in the experiment's file.
"""
