"""The window: who plays (control), keys and names, what is drawn (panel, canvas), and the GIF."""
