"""The home: where everything lies in it, and how files are written so that a kill at any point loses nothing."""
