"""Every outside format, both directions: bytes <-> canonical frame."""
