"""Games, as a run needs to know them: any Gymnasium id becomes a `Task`."""
