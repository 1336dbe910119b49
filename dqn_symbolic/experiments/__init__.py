"""The lecture's claims as experiments. Each is a list of settings for the one learner.

An experiment is a module with these names:

    TITLE, CLAIM                   its title; the claim, with the slide that makes it
    settings(quick)                -> {name: setting}, plain data; names become parts of file names
    seeds(quick)                   -> the number of seeds, which count from 0
    measure(setting, seed)         -> rows: [{column: number}, ...], the results of one job
    table(rows), draw(rows)        -> [[text, ...], ...] with the head first; -> matplotlib Figure

The rows of `table` and `draw` also have the columns "setting" and "seed". The game is Catch, with
the settings of `{"game": ...}`; any other game is in the experiment's file.
"""
