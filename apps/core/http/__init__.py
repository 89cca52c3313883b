"""One request, whatever the protocol: what a protocol is, the steps of a request, and the drivers that feed it."""
