"""The only place where stages meet: the night, its steps, the inbox, imports, configuration and the demo city."""

VERSION = "0.1.0"
