"""PURE: transactions against clearing files, payouts against bank statements, the ledger against its balance."""
