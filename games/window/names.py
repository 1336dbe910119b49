"""What the actions of a game are called: as the game says, as Gymnasium's pages say, or numbers."""

# By the class of the game.
GYMNASIUM = {
    "AcrobotEnv": ("left", "none", "right"),
    "BlackjackEnv": ("stick", "hit"),
    "CartPoleEnv": ("left", "right"),
    "CliffWalkingEnv": ("up", "right", "down", "left"),
    "FrozenLakeEnv": ("left", "down", "right", "up"),
    "LunarLander": ("none", "left engine", "main engine", "right engine"),
    "MountainCarEnv": ("left", "none", "right"),
    "TaxiEnv": ("down", "up", "right", "left", "pick up", "drop off"),
}


def action_names(env, facts):
    """facts: the game's metadata."""
    if "action_names" in facts:
        return tuple(facts["action_names"])
    if hasattr(env.unwrapped, "get_action_meanings"):
        return tuple(meaning.lower() for meaning in env.unwrapped.get_action_meanings())
    numbers = tuple(str(action) for action in range(env.action_space.n))
    return GYMNASIUM.get(type(env.unwrapped).__name__, numbers)
