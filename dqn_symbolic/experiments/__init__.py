"""The lecture's claims as experiments: each a list of settings of the one learner.

An experiment is a module of five things:

    TITLE, CLAIM                   what it is called, and what the lecture says (which slide)
    settings(quick)                -> {name: setting}, plain data; a name is part of a file's
    seeds(quick)                   -> how many, from 0
    rows(setting, seed)            -> [row, ...], dicts of plain numbers: one job, whole
    table(rows), draw(rows)        -> [[text, ...], ...] with the head first; -> matplotlib Figure

`rows` that come back have their "setting" and "seed" in them. All games are Catch, with the
settings of `{"game": ...}`.
"""
