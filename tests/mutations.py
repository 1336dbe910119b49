"""Do the tests notice the classic faults?  python -m tests.mutations [FAULT]

Each fault is one replacement in a copy of the sources, in its own folder. The tests named beside it
must then fail; the script prints the first that fails. The exit status is 1 if no test notices a
fault. The default test run does not include this script.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parent.parent
EXPERIMENTS = "dqn_symbolic/experiments"
AGENT, EVALUATION, EXPLORATION, FRAMES, INITIALISERS, LOSSES, MEMORY, NETWORKS, OPTIMISERS, Q = (
    f"dqn_symbolic/{name}.py"
    for name in (
        *("agent", "evaluation", "exploration", "frames", "initialisers", "losses", "memory"),
        *("networks", "optimisers", "q_learning"),
    )
)
CACHE, LINKER, MINIBATCH, THREADS, BESIDE, CONV, TILES = (
    f"dqn_symbolic/compiling/{name}.py"
    for name in (
        "cache",
        "numba_linker",
        "minibatch",
        "threads",
        "beside",
        "conv/numba",
        "conv/tiles",
    )
)
CHECKPOINTS, LOADING, MACHINE, PIECES, RUN, STOPPING = (
    f"dqn_symbolic/runs/{name}.py"
    for name in ("checkpoints", "loading", "machine", "pieces", "run", "stopping")
)
SETTINGS, FILES = "dqn_symbolic/settings.py", "dqn_symbolic/guard/files.py"
TASK, PICTURE = "dqn_symbolic/environments/task.py", "dqn_symbolic/commands/picture.py"
TRAINING, ANY_GAME = "dqn_symbolic/training.py", "dqn_symbolic/environments/any_game.py"
GUARD, SPACES = "dqn_symbolic/guard/game.py", "dqn_symbolic/guard/spaces.py"
TABULAR, REINFORCE = f"{EXPERIMENTS}/tabular.py", f"{EXPERIMENTS}/reinforce.py"

# (fault, file, text, text with the fault, test file that must notice)
FAULTS = [
    (
        "no future after truncation (masked by done)",
        *(AGENT, "0 if terminated or", "0 if terminated or truncated or"),
        "test_agent",
    ),
    (
        "a future after termination",
        *(AGENT, "0 if terminated or", "0 if"),
        "test_agent",
    ),
    (
        "a future after the loss of a life",
        *(AGENT, ' or info.get("life_lost")', ""),
        "test_agent",
    ),
    (
        "the loss of a life ends the episode",
        *(AGENT, "        over = terminated or truncated\n        if s.clip", "        over = discount == 0 or truncated\n        if s.clip"),
        "test_agent",
    ),
    ("rewards clipped at 0", AGENT, "max(reward, -1.0)", "max(reward, 0.0)", "test_agent"),
    (
        "final observation replaced by the reset one",
        *(
            AGENT,
            "        self.memory.add(",
            "        if terminated or truncated:\n            x_tp1 = self.env.reset()[0]\n"
            "        self.memory.add(",
        ),
        "test_agent",
    ),
    (
        "target aliased to online",
        *(Q, "network(x_tp1, target_params).max", "network(x_tp1, params).max"),
        "test_q_learning",
    ),
    (
        "target not equal to online at first",
        *(Q, "shared(value, prefix + name)", 'shared(value * (prefix != "target."), prefix + name)'),
        "test_q_learning",
    ),
    (
        "sync the wrong way round",
        *(Q, "zip(graph.target_params, graph.params)", "zip(graph.params, graph.target_params)"),
        "test_q_learning",
    ),
    (
        "sync counted in agent steps",
        *(AGENT, "self.updates % s.sync_every", "self.steps % s.sync_every"),
        "test_agent",
    ),
    (
        "discount ignored",
        *(Q, "reward + discount * network", "reward + 0.99 * network"),
        "test_q_learning",
    ),
    ("x for x_tp1 in the target", Q, "network(x_tp1,", "network(x,", "test_q_learning"),
    (
        "s' off by one",
        *(MINIBATCH, "tp1 = slot + 1", "tp1 = slot"),
        "test_memory",
    ),
    (
        "a stack across an episode's end",
        *(MINIBATCH, " if oldest + h >= begins else zeros", ""),
        "test_memory",
    ),
    (
        "a stack of four frames across an episode's end",
        *(MINIBATCH, " if n >= begins else zeros", ""),
        "test_memory",
    ),
    (
        "the rewards of an n-step return not discounted",
        *(MINIBATCH, "+= d[b] * reward", "+= reward"),
        "test_memory",
    ),
    (
        "an n-step return across an episode's end",
        *(MINIBATCH, " and age[(tp1 + 1) % slots] > 0", ""),
        "test_memory",
    ),
    (
        "an n-step return beyond the newest transition",
        *(MINIBATCH, " and tp1 % slots != last", ""),
        "test_memory",
    ),
    (
        "an n-step return with the x_tp1 of one step",
        *(MINIBATCH, "in enumerate((slot, tp1))", "in enumerate((slot, slot + 1))"),
        "test_memory",
    ),
    ("the setting n_step not used", AGENT, "space.dtype, s.n_step", "space.dtype", "test_agent"),
    (
        "a stack across the write pointer",
        *(MEMORY, "<= self.written - self.slots:", "<= self.written - self.slots - 1:"),
        "test_memory",
    ),
    (
        "the oldest frame of a stack forgotten at the write pointer",
        *(MEMORY, '[slot], self.history - 1)', '[slot], 0)'),
        "test_memory",
    ),
    (
        "the frames of the last episode kept after a reset",
        *(FRAMES, "self.with_newest(frame), 0.0", "self.with_newest(frame, vars(self).get('x')), 0.0"),
        "test_frames",
    ),
    (
        "pixels not divided before the convolution",
        *(NETWORKS, "K = K / (highest / 4 if centred else highest)", "K = K / 1"),
        "test_networks",
    ),
    (
        "max over the batch instead of the actions",
        *(Q, "target_params).max(axis=1)", "target_params).max(axis=0).max()"),
        "test_q_learning",
    ),
    (
        "td_error the other way round",
        *(Q, "td_error = target_q - (", "td_error = -target_q + ("),
        "test_q_learning",
    ),
    (
        "the setting `clipped` means another loss",
        *(AGENT, "getattr(losses, s.loss)", "losses.squared"),
        "test_agent",
    ),
    (
        "error clipped before squaring",
        *(LOSSES, "(inside * (td_error - inside / 2)).sum()", "(inside**2 / 2).sum()"),
        "test_losses",
    ),
    (
        "the half dropped",
        *(LOSSES, "(inside * (td_error - inside / 2)).sum()", "(2 * inside * (td_error - inside / 2)).sum()"),
        "test_losses",
    ),
    (
        "mean for sum",
        *(LOSSES, "(inside * (td_error - inside / 2)).sum()", "(inside * (td_error - inside / 2)).mean()"),
        "test_losses",
    ),
    ("sum for mean", LOSSES, "(td_error**2).mean()", "(td_error**2).sum()", "test_q_learning"),
    (
        "RMSprop's epsilon outside the root",
        *(OPTIMISERS, "TT.sqrt(new_g2 - new_g**2 + epsilon)", "(TT.sqrt(new_g2 - new_g**2) + epsilon)"),
        "test_optimisers",
    ),
    (
        "RMSprop not centred",
        *(OPTIMISERS, "new_g2 - new_g**2 + epsilon", "new_g2 + epsilon"),
        "test_optimisers",
    ),
    (
        "RMSprop a step behind",
        *(OPTIMISERS, "TT.sqrt(new_g2 - new_g**2 + epsilon)", "TT.sqrt(g2 - g**2 + epsilon)"),
        "test_optimisers",
    ),
    (
        "Adam without its bias correction",
        *(OPTIMISERS, "learning_rate * root / (1 - decay1**new_t)", "learning_rate * root"),
        "test_optimisers",
    ),
    (
        "Adam's epsilon in the wrong place",
        *(OPTIMISERS, "epsilon * root", "epsilon"),
        "test_optimisers",
    ),
    (
        "the annealed learning rate one update ahead",
        *(OPTIMISERS, "2 - 2 * n / np", "2 - 2 * (n + 1) / np"),
        "test_optimisers",
    ),
    (
        "the learning rate rises again after its end",
        *(OPTIMISERS, "TT.clip(2 - 2 * n / np", "TT.clip(abs(2 - 2 * n / total) + 0 * n / np"),
        "test_optimisers",
    ),
    (
        "the learning rate annealed over agent steps, not updates",
        *(OPTIMISERS, "learners * each.updates", "settings.steps"),
        "test_optimisers",
    ),
    (
        "no tiles of the second height",
        *(TILES, "(end, rows, height - 1)", "(end, end, height - 1)"),
        "test_tiles",
    ),
    (
        "a product that forgets what it is added to",
        *(TILES, "builder.fadd(load(builder, place, v), builder.load(total))", "builder.load(total)"),
        "test_tiles",
    ),
    (
        "no gradient of the last images of a batch",
        *(CONV, "range(0, B, IMAGES)", "range(0, len(dy) - IMAGES + 1, IMAGES)"),
        "test_conv",
    ),
    (
        "averages kept where they are subnormal",
        *(OPTIMISERS, "TT.switch(abs(average) < SMALLEST_NORMAL, np.float32(0), average)", "average"),
        "test_optimisers",
    ),
    (
        "pixels centred by the mean of the batch",
        *(NETWORKS, "axis in (1, 2, 3) if", "axis in (0, 1, 2, 3) if"),
        "test_networks",
    ),
    (
        "epsilon reset by the episode",
        *(
            AGENT,
            "        self.steps += 1\n",
            "        self.steps = 1 if terminated else self.steps + 1\n",
        ),
        "test_agent",
    ),
    (
        "epsilon annealed from the first step, not from the first update",
        *(EXPLORATION, "(steps - s.warm_up) /", "steps /"),
        "test_agent",
    ),
    (
        "ties always broken to the left",
        *(EXPLORATION, "rng.choice(np.flatnonzero(ties))", "best"),
        "test_exploration",
    ),
    (
        "the seed ignored by the first weights",
        *(AGENT, 'default_rng(seeds["params"])', "default_rng()"),
        "test_agent",
    ),
    (
        "the seed ignored by the exploration",
        *(AGENT, "default_rng(seeds[name])", 'default_rng(None if name == "exploration" else seeds[name])'),
        "test_agent",
    ),
    (
        "the seed ignored by the memory",
        *(AGENT, "default_rng(seeds[name])", 'default_rng(None if name == "memory" else seeds[name])'),
        "test_agent",
    ),
    (
        "the seed ignored by the game",
        *(AGENT, "self.env.reset(seed=(self.first_seed + self.episode + 1) % 2**31)", "self.env.reset()"),
        "test_agent",
    ),
    (
        "evaluation with the random stream of the exploration",
        *(
            EVALUATION,
            "forward = np.random.default_rng(seed)",
            "forward = getattr(player, 'rngs', {}).get('exploration', np.random.default_rng(seed))",
        ),
        "test_determinism",
    ),
    (
        "the newest transition never sampled",
        *(MEMORY, "rng.integers(self.size,", "rng.integers(max(self.size - 1, 1),"),
        "test_memory",
    ),
    (
        "rows sampled that were never written",
        *(MEMORY, "rng.integers(self.size,", "rng.integers(self.slots,"),
        "test_memory",
    ),
    (
        "the write position not saved",
        *(MEMORY, '{"written": self.written,', '{"written": filled,'),
        "test_resume",
    ),
    (
        "the optimiser's averages not saved",
        *(AGENT, 'return data, {**arrays, "x": self.x}', """arrays = {n: a * (n[-2:] != ".m") for n, a in arrays.items()}
        return data, {**arrays, "x": self.x}"""),
        "test_resume",
    ),
    (
        "the actions of the episode not replayed on resuming",
        *(AGENT, "while played < len(self.actions) and not over:", "while False:"),
        "test_resume",
    ),
    (
        "a frame of another shape accepted",
        *(GUARD, "and observation.shape == self.shape", "and observation.shape"),
        "test_guard",
    ),
    (
        "a reward that is not finite accepted",
        *(GUARD, " and abs(reward) <= spaces.LARGEST", ""),
        "test_guard",
    ),
    (
        "a learner that is not finite saved",
        *(CHECKPOINTS, "        raise FloatingPointError(", "        repr("),
        "test_bad_numbers",
    ),
    (
        "a loss that is not finite not noticed",
        *(AGENT, "if not loss < inf:", "if False:"),
        "test_bad_numbers",
    ),
    (
        "a rectifier that hides NaN",
        *(NETWORKS, "TT.maximum(z, 0)", "TT.switch(z > 0, z, 0).astype(z.dtype)"),
        "test_bad_numbers",
    ),
    (
        "the random stream of the memory not saved",
        *(AGENT, "for name in SAVED_STREAMS:", "for name in SAVED_STREAMS[:1]:"),
        "test_resume",
    ),
    (
        "the sum of the losses not saved",
        *(AGENT, '"episode", "loss_sum", "loss_count")', '"episode")'),
        "test_resume",
    ),
    (
        "the target network not saved",
        *(
            AGENT,
            "variable.set_value(arrays[f\"learner.{variable.name}\"])",
            "variable.set_value(arrays[f\"learner.{variable.name.removeprefix('target.')}\"])",
        ),
        "test_resume",
    ),
    (
        "evaluation in the environment of the training",
        *(
            "dqn_symbolic/environments/task.py",
            "games = [History(player.env.env, s.history)] if shares",
            "games = [player.env] if True",
        ),
        "test_determinism",
    ),
    (
        "a random number drawn at every evaluation",
        *(
            RUN,
            "            scores = score(self.stop, self.hidden)\n",
            "            scores = score(self.stop, self.hidden)\n"
            "            self.agent.rngs['memory'].random()\n",
        ),
        "test_determinism",
    ),
    (
        "every observation kept for ever",
        *(AGENT, "        self.steps += 1\n", "        self.steps += 1\n        vars(self).setdefault('all', []).append(self.x)\n"),
        "test_long_runs",
    ),
    ("Glorot's bound by the wrong fan", INITIALISERS, "6 / sum(fans(shape))", "3 / fans(shape)[0]", "test_initialisers"),
    ("orthogonal's signs left to LAPACK", INITIALISERS, "q *= np.sign", "q *= np.abs", "test_initialisers"),
    ("pixels not divided", NETWORKS, ' / highest\n    h = x', '\n    h = x', "test_q_learning"),
    ("no ball starts in the last column", "games/catch.py", "range(self.columns), self.drifts", "range(self.columns - 1), self.drifts", "test_catch"),
    ("the paddle's right cell does not catch", "games/catch.py", "paddle + self.paddle_width\n", "paddle + self.paddle_width - 1\n", "test_catch"),
    ("the ball bounces without its cell", "games/catch.py", "column -= drift\n", "column -= 2 * drift\n", "test_catch"),
    ("a returned observation changes later", "games/catch.py", "self._pixels.copy()", "self._pixels", "test_catch"),
    ("the maximum of NaN and a number is the number", LINKER, 'scalars.Maximum: "{0} if {0} > {1} or {0} != {0}', 'scalars.Maximum: "{0} if {0} > {1}', "test_numba_linker"),
    ("a sum begins at one", LINKER, "operation.identity  #", "operation.identity or 1  #", "test_numba_linker"),
    ("a specified size that the graph computes not checked", LINKER, "else source.element(v, ()) for v in sizes]", "else None for v in sizes]", "test_numba_linker"),
    ("a minimum that forgets NaN", LINKER, '"{0} if {0} < {1} or {0} != {0} else {1}"', '"{0} if {0} < {1} else {1}"', "test_numba_linker"),
    ("a broadcast axis indexed like a full axis", LINKER, "            if not single:\n", "            if True:\n", "test_numba_linker"),
    ("a transposed array read in memory order", LINKER, "axes == sorted(axes)", "True", "test_numba_linker"),
    ("sizes that differ are not refused", LINKER, "in dict.fromkeys(sizes) if other != size]", "in ()]", "test_numba_linker"),
    ("an output that shares its memory with an input", LINKER, '{source.array(x)}.copy()"', '{source.array(x)}"', "test_numba_linker"),
    ("the table bootstraps after termination", TABULAR, "np.append(value(q), 0)", "np.append(value(q), 1)", "test_tabular"),
    ("value iteration without its maximum", TABULAR, "lambda q: q.max(axis=1)", "lambda q: q.mean(axis=1)", "test_tabular"),
    ("the table bootstraps from the mean", TABULAR, "else q[x_tp1].max()", "else q[x_tp1].mean()", "test_tabular"),
    ("the policy gradient downhill", REINFORCE, "grad(-J, params)", "grad(J, params)", "test_policy_gradient"),
    ("no logarithm in the log trick", REINFORCE, "J = (log_pi_a * r)", "J = (TT.exp(log_pi_a) * r)", "test_policy_gradient"),
    ("the baseline forgotten", REINFORCE, "self.play(self.mean_return if self.baseline else 0)", "self.play(0)", "test_policy_gradient"),
    ("a stage that changes two settings", f"{EXPERIMENTS}/stages.py", '"target": {"sync_every": 100}', '"target": {"sync_every": 100, "batch_size": 64}', "test_experiments"),
    ("consecutive batches drawn at random", f"{EXPERIMENTS}/minibatches.py", "rng.integers(transitions - B + 1) + np.arange(B)", "rng.integers(transitions, size=B)", "test_experiments"),
    ("the one-frame player sees the whole state", f"{EXPERIMENTS}/frames.py", "(None,) * (history - 1) + (frame(state),)) for state", "(state,) * (history - 1) + (frame(state), state)) for state", "test_experiments"),
    ("a corridor without switched actions", f"{EXPERIMENTS}/corridor.py", "== (self.cell != 1)", "== (self.cell != 5)", "test_experiment_games"),
    ("a treasure for any last step to the right", f"{EXPERIMENTS}/deep_sea.py", "over and column == row and went_right", "over and went_right", "test_experiment_games"),
    ("the delayed reward paid at every step", f"{EXPERIMENTS}/late_rewards.py", "self.reward if over else 0.0", "self.reward", "test_experiment_games"),
    ("the value of the best explorer without its exploration", f"{EXPERIMENTS}/exploration.py", "return (1 - epsilon) * q.max(axis=1) + epsilon * q.mean(axis=1)", "return q.max(axis=1)", "test_experiment_games"),
    ("a file overwritten in place", FILES, 'with open(temporary, "xb")', 'with open(path, "wb")', "test_checkpoints"),
    ("a folder shared by two runs", FILES, "        lock.acquire()\n", "        pass\n", "test_crashes"),
    ("sampling that slows down with the steps", MEMORY, "valid[(self.first + self.size) % self.slots] = slot", "valid[(self.first + self.size) % self.slots] = newest", "test_memory"),
    ("an episode's seed that is always the same", AGENT, "(self.first_seed + self.episode + 1) % 2**31", "self.first_seed % 2**31", "test_agent"),
    ("a game that breaks its promise not noticed", AGENT, " and np.array_equal(x, self.x)", "", "test_games"),
    ("bytes divided by 255, not by the largest value of the space", NETWORKS, "highest=max(1, int(space.high.max()))", "highest=255", "test_agent"),
    ("held-out states of one action", EVALUATION, "int(rng.integers(env.action_space.n))", "0", "test_evaluation"),
    ("held-out states after an episode's end", EVALUATION, "        over = terminated or truncated\n    return", "        over = False\n    return", "test_evaluation"),
    ("the mean of all held-out Q-values", TASK, "(states)).max(axis=1)", "(states))", "test_evaluation"),
    ("a rally until a loss", PICTURE, "moment.reward > first", "moment.reward != first", "test_picture"),
    ("the Q-values without the last bias", PICTURE, "hidden @ last + bias", "hidden @ last", "test_picture"),
    ("an evaluation twice as long as allowed", EVALUATION, "or steps + 1 >= most_steps", "or steps + 1 >= 2 * most_steps", "test_evaluation"),
    ("only the first of the optimiser's updates applied", Q, "graph.td_error, mode, updates=graph.updates", "graph.td_error, mode, updates=graph.updates[:1]", "test_q_learning"),
    ("the last agent kept, not the best", RUN, 'scores["mean_return"] < best', "False", "test_games"),
    ("a file with very large data accepted", CHECKPOINTS, "file_size > most", "file_size > 1e9 * MAX_DATA_SIZE", "test_bad_files"),
    ("a thread's gradient forgotten", Q, "reduce(add, of_p)", "of_p[0] + 0 * reduce(add, of_p)", "test_threads"),
    ("a fork that has no threads", THREADS, "helpers(os.getpid(),", "helpers(0,", "test_threads"),
    ("parameters handed over in the middle of an update", BESIDE, "        update.result()\n        hand_over()", "        hand_over()\n        update.result()", "test_beside"),
    ("a sync in the middle of an update", BESIDE, "        update.result()\n        sync()", "        sync()", "test_beside"),
    ("a state in the middle of an update", AGENT, "        self.watch_loss()\n        positions", "        positions", "test_beside"),
    ("loops that differ in a constant taken for equal", LINKER, "key = text, *(keys.get(name) for name in constants)", "key = (text,)", "test_numba_linker"),
    ("a mean over a thread's part only", Q, "graph.loss(td_error)", "graph.loss(graph.td_error)", "test_threads"),
    ("an array that is longer than its header says accepted", CHECKPOINTS, "if member.read(1):", "if False:", "test_bad_files"),
    ("a transition across an episode that was cut", MEMORY, "age[1:] > 0", "age[1:] >= 0", "test_memory"),
    ("a half overwritten transition sampled after resuming", MEMORY, ">= -self.slots)", ">= -self.slots - 1)", "test_memory"),
    ("a piece not written again when its slots have new frames", PIECES, "newest - (newest - begin) % filled", "begin", "test_pieces"),
    ("the newest frame in a finished piece", PIECES, 'state["memory"]["written"] - 1', 'state["memory"]["written"]', "test_pieces"),
    ("every piece written every time", PIECES, "saved.get(number) or checkpoints", "checkpoints", "test_pieces"),
    ("old pieces removed before the checkpoint is written", PIECES, "        sync_folder(out)\n", "        sync_folder(out)\n        remove_others(out, run, finished)\n", "test_pieces"),
    ("old pieces never removed", PIECES, "        piece.unlink()", "        pass", "test_pieces"),
    ("pieces of another run removed", PIECES, 'glob(f"{run}-*.npz")', 'glob("*.npz")', "test_pieces"),
    ("a memory that is a link accepted", LOADING, "pieces.FOLDER).is_symlink()", "pieces.FOLDER).is_mount()", "test_pieces"),
    ("weights that are not finite read", CHECKPOINTS, "        raise ValueError(f\"not finite: {bad}\")", "        pass", "test_bad_files"),
    ("a number without an upper bound", SETTINGS, "value <= most, f\"at most", "True, f\"at most", "test_agent"),
    ("a row of infinite numbers accepted", LOADING, "or not abs(value) < LARGEST", "", "test_bad_files"),
    ("a damaged file of the compile cache read", CACHE, "return content[-32:] == ", "return content[-32:] or ", "test_cache"),
    ("a second signal without effect", STOPPING, "        os._exit(", "        print(", "test_stopping"),
    ("written through a link", FILES, "        temporary.unlink(missing_ok=True)  # it", "        # it", "test_bad_files"),
    ("a piece of another run accepted", CHECKPOINTS, "and stated != checksums:", "and False:", "test_pieces"),
    ("a memory larger than the machine's accepted", MACHINE, "if needed > left:", "if False:", "test_machine"),
    # -- the loop, the run and the library
    (
        "the loss since the last row lost with a stopped evaluation",
        *(TRAINING, "    scores = score()\n", "    scores, _ = score(), agent.mean_loss()\n"),
        "test_training",
    ),
    (
        "the pause before the row",
        *(TRAINING, "        agent.step()\n", "        agent.step()\n        pause()\n"),
        "test_training",
    ),
    (
        "rows after the last agent step",
        *(TRAINING, "min(agent.steps, last) // every", "agent.steps // every"),
        "test_training",
    ),
    (
        "evaluations counted as training time",
        *(RUN, "            self.clock(is_training=False)\n            scores", "            scores"),
        "test_run",
    ),
    (
        "checkpoints counted as training time",
        *(RUN, "            self.clock(is_training=False)\n            self.save", "            self.save"),
        "test_run",
    ),
    (
        "the best agent of the last evaluation lost",
        *(RUN, "scores, self.best = now, self.better(now)", "scores = now"),
        "test_run",
    ),
    (
        "`act` sees the frames of the episode before",
        *(AGENT, "None if begins else self.shown", "self.shown"),
        "test_library",
    ),
    (
        "a loaded agent with new weights in its target network",
        *(LOADING, "agent.graph.acting, agent.graph.target_params)", "agent.graph.acting)"),
        "test_library",
    ),
    (
        "a wrapped game saved as the game inside it",
        *(AGENT, "spec.additional_wrappers or ", ""),
        "test_library",
    ),
    (
        "`act` draws from the stream of training",
        *(AGENT, 'self.rngs["act"])', 'self.rngs["exploration"])'),
        "test_library",
    ),
    (
        "one-hot frames that begin at 0 although the space does not",
        *(SPACES, "utils.flatten(space, observation)", "np.roll(utils.flatten(space, observation), getattr(space, 'start', 0))"),
        "test_frames",
    ),
    (
        "an action that begins at 0 although the space does not",
        *(GUARD, "self.first_action + action", "action"),
        "test_guard",
    ),
    (
        "a number too large for its bytes wrapped round",
        *(SPACES, "and (cast != array).any()", "and False"),
        "test_guard",
    ),
    (
        "an observation that changes its dtype accepted",
        *(GUARD, "if array.dtype != usual:", "if False:"),
        "test_guard",
    ),
    (
        "an action drawn anew after the game failed at it",
        *(AGENT, "if self.chosen is None:", "if True:"),
        "test_own_games",
    ),
    (
        "an episode skipped after its reset failed",
        *(AGENT, "if self.memory.episode_begins and self.actions:", "if False:"),
        "test_own_games",
    ),
    (
        "rewards that do not come back not noticed",
        *(AGENT, "same and episode_return == env.episode_return", "same"),
        "test_own_games",
    ),
    (
        "the one game left where its evaluation ended",
        *("dqn_symbolic/environments/task.py", "player.go_back(player.env.episode_return)", "pass"),
        "test_own_games",
    ),
    (
        "a module imported because a file names it",
        *(ANY_GAME, '("", "games", *sys.modules)', '("", "games", module)'),
        "test_own_games",
    ),
    (
        "options passed to a reset that has none",
        *(GUARD, "if v is not None", "if True"),
        "test_guard",
    ),
    (
        "a game that is not closed",
        *("dqn_symbolic/environments/task.py", "stack.callback(close, env, task.game, say)", "pass"),
        "test_own_games",
    ),
    (
        "the learning rate annealed over the warm-up, too",
        *("dqn_symbolic/settings.py", "- (self.warm_up - 1) // self.update_every", ""),
        "test_optimisers",
    ),
    (
        "the learning rate annealed over one bundle's updates",
        *("dqn_symbolic/gorila/scheduler.py", "optimisers.of(settings, gorila.bundles)", "optimisers.of(settings)"),
        "test_gorila",
    ),
    (
        "a bundle whose target network is copied when it is resumed",
        *("dqn_symbolic/gorila/learner.py", "self.versions or self.known", "self.known"),
        "test_gorila",
    ),
    (
        "a resumed bundle with other games",
        *("dqn_symbolic/gorila/bundle.py", 'agent.first_seed = data["seed"]', "pass"),
        "test_gorila",
    ),
    (
        "a resumed bundle whose running mean of the loss begins anew",
        *("dqn_symbolic/gorila/bundle.py", '"losses", "mean", "square")', '"losses", "mean")'),
        "test_gorila",
    ),
    (
        "a bundle's epsilon counts the restored steps twice",
        *("dqn_symbolic/gorila/bundle.py", "= steps - agent.steps, agent", "= steps, agent"),
        "test_gorila",
    ),
    (
        "the weights of the best evaluation taken too late",
        *(RUN, '["mean_return"], weights or self.agent.weights()', '["mean_return"], self.agent.weights()'),
        "test_run",
    ),
    (
        "a checkpoint only exactly at its step",
        *(RUN, "if passed > self.passed", "if self.agent.steps % self.settings.checkpoint_every == 0"),
        "test_run",
    ),
]  # fmt: skip


SOURCES = "dqn_symbolic", "games", "tests", "run_catch.py", "setup.cfg", "README.md"


def copy_sources(folder, names=SOURCES, without=("__pycache__",)):
    """Copies these files and folders of the project into a folder, which may be new."""
    Path(folder).mkdir(exist_ok=True)
    for name in names:
        source, ignore = ROOT / name, shutil.ignore_patterns(*without)
        copy = partial(shutil.copytree, ignore=ignore) if source.is_dir() else shutil.copy
        copy(source, Path(folder, name))


def put_in(folder, path, old, new):
    """Puts a fault into the copy in a folder."""
    text = Path(folder, path).read_text()
    Path(folder, path).write_text(text.replace(old, new))


def run_tests(folder, *arguments, timeout=None):
    """-> the finished pytest of the copy in a folder, which ends at the first test that fails."""
    pytest = "-m", "pytest", "-qx", "-p", "no:cacheprovider"
    return run_python(folder, *pytest, *arguments, timeout=timeout)


def run_python(folder, *arguments, timeout=None):
    """-> the finished Python with these arguments, of the copy in a folder, and what it printed."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def noticed(path, old, new, tests):
    """-> the first test that fails once `old` is `new` in a copy of the sources, or None."""
    with tempfile.TemporaryDirectory() as copy:
        os.chmod(copy, 0o755)  # test_crashes reads it as another user
        copy_sources(copy)
        put_in(copy, path, old, new)
        run = run_tests(copy, f"tests/{tests}.py")
    failed = re.search(r"^(?:FAILED|ERROR) tests/\w+\.py::(\w+)", run.stdout, re.MULTILINE)
    return failed[1] if run.returncode == 1 else None


def main(only=""):
    faults, unnoticed = [fault for fault in FAULTS if only in fault[0]], 0
    for _, path, old, *_ in faults:
        found = Path(ROOT, path).read_text().count(old)
        if found != 1:
            raise SystemExit(f"{path}: expected once, found {found} times: {old}")
    for fault, path, old, new, tests in tqdm(faults, disable=None):
        test = noticed(path, old, new, tests)
        unnoticed += not test
        tqdm.write(f"{'red' if test else 'GREEN':6} {fault:64} {tests}: {test}")
    return unnoticed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
