"""What a run will do: rows, inputs, jobs with their keys, and what they will take."""
