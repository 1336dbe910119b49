"""The window: who plays (control), what is drawn (panel), and the window itself."""
