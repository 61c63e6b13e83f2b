"""The outputs of a leaderboard: each reads the same columns and the same figures."""
