"""The pictures of a leaderboard as plain data: a renderer only draws what stands here."""
