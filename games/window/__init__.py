"""The window: who plays (control), the keys (keys), what is drawn (panel), window and GIF."""
