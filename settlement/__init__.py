"""What is true: vocabulary, reconciliation, payout, ledger, audit and the store."""
