"""PURE: chart of accounts, events to balanced entries, balances. The only way money becomes a ledger line."""
