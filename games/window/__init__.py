"""The window: who plays (control), the keys (keys), what is drawn (panel, canvas), window and GIF."""
