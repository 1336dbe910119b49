"""Games and their scoring: any Gymnasium id becomes a `Task`."""
