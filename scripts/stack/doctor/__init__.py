"""The preflight: checks that each look at one thing and say the remedy for what they find."""
