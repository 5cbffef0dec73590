"""The shared words: states, moves, events, commands, policy. Imports nothing of ours."""
