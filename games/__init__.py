"""Small pygame games that are Gymnasium environments; they know nothing of any learner."""

import gymnasium

gymnasium.register("Catch-v0", entry_point="games.catch:Catch")
