"""The keys and actions of a game, and the keys of the window: pygame's numbers, such as K_UP."""

from itertools import product

import pygame

UP, LEFT, DOWN, RIGHT = pygame.K_UP, pygame.K_LEFT, pygame.K_DOWN, pygame.K_RIGHT
ARROWS = {pygame.K_w: UP, pygame.K_a: LEFT, pygame.K_s: DOWN, pygame.K_d: RIGHT}
# The arrows of a game that names no keys, by the first word of an action's name.
BY_NAME = {"up": UP, "main": UP, "left": LEFT, "down": DOWN, "right": RIGHT}
# Gymnasium's MountainCar names the arrows by the numbers that they had in pygame 1.
OLD_ARROWS = {273: UP, 274: DOWN, 275: RIGHT, 276: LEFT}

# The window's keys, the best first. No game takes the last.
OWN_KEYS = {
    "take over": (pygame.K_m, pygame.K_F2),
    "hint": (pygame.K_h, pygame.K_F3),
    "pause": (pygame.K_p, pygame.K_SPACE, pygame.K_F1),
    "faster": (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS, pygame.K_F5),
    "slower": (pygame.K_MINUS, pygame.K_KP_MINUS, pygame.K_F4),
    "screenshot": (pygame.K_F12,),
}
# The names of the actions, by the class of the game.
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
    """-> as the game says, as Gymnasium's pages say, or numbers; facts: the game's metadata."""
    if "action_names" in facts:
        return tuple(facts["action_names"])
    if hasattr(env.unwrapped, "get_action_meanings"):
        return tuple(meaning.lower() for meaning in env.unwrapped.get_action_meanings())
    return GYMNASIUM.get(type(env.unwrapped).__name__, tuple(map(str, range(env.action_space.n))))


def game_keys(env, names):
    """-> {frozenset of keys: action}, as the game says, or by the number keys and the arrows.

    The empty set is for no key. Without it the game waits. Arrows also do what W, A, S, D do.
    """
    first = 0
    if hasattr(env.unwrapped, "get_keys_to_action"):
        named = env.unwrapped.get_keys_to_action()
        first = getattr(env.unwrapped.action_space, "start", 0)  # here, actions begin at 0
    else:
        named = {str(number): number for number in range(min(10, len(names)))}
        arrows = [BY_NAME.get(name.partition(" ")[0]) for name in names]
        if arrows == [None, None]:
            arrows = [LEFT, RIGHT]
        named |= {key: number for number, key in enumerate(arrows) if key}
    keys = {}
    for combination, action in named.items():
        combination = (combination,) if isinstance(combination, int) else combination
        numbers = (ord(key) if isinstance(key, str) else key for key in combination)
        keys[frozenset(OLD_ARROWS.get(key, key) for key in numbers)] = int(action - first)
    for idle in {"noop", "none"}.intersection(names):
        keys.setdefault(frozenset(), names.index(idle))
    for combination, action in list(keys.items()):
        for others in product(*((key, ARROWS.get(key, key)) for key in combination)):
            keys.setdefault(frozenset(others), action)
    return keys


def listed(keys, names):
    """-> ((key, action) in words, ...): a game's keys, one for each action that one key can do."""
    single = {min(together): action for together, action in keys.items() if len(together) == 1}
    moves = [single[key] for key in ARROWS.values() if key in single]
    either = len(moves) == len(names) == 2 and not {"left", "right"}.intersection(names)
    use = ", ".join(names[action] for action in moves) if either else "move"
    words, done = [("arrows", use)] if moves else [], {*moves, keys.get(frozenset())}
    for key, action in single.items():
        if action not in done:
            words.append((cap(key), names[action]))
            done.add(action)
    if len(words) > 1 and all(key == action for key, action in words):  # numbers, without names
        return ((f"{words[0][0]} to {words[-1][0]}", "act"),)
    return tuple(words)


def cap(key):
    """-> the text on a key."""
    name = pygame.key.name(key)
    return name.upper() if len(name) <= 3 else name
