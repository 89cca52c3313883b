"""Transport-free protocols: each translates between HTTP's words and the engine's, and touches no socket or file."""
