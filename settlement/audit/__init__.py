"""PURE: named checks over the stored rows, and the chain of closed days."""
