"""The conformance suite of each port. Every adapter inherits its port's suite, fakes included."""
