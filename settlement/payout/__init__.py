"""PURE: when payables fall due, what a statement says, which payouts are drafted, what their life allows."""
