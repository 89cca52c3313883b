"""Transport-free protocols: each translates between HTTP's words and the engine's, and touches no socket, file or table."""
