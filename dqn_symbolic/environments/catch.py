"""How Catch is scored: an evaluation plays one greedy episode from every start."""


def scoring(game):
    """game: games.catch.Catch -> {field of Task: value}"""
    starts = game.starts()
    caught = round(game.optimum * len(starts))
    return {
        "starts": starts,
        "goal": (2 * caught - len(starts)) / len(starts),
        "measures": lambda returns: {"catch_rate": float((returns > 0).mean())},
        "score_name": "catch_rate",
        "levels": {"optimum": game.optimum, "chance": game.chance},
    }
