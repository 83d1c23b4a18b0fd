"""The oracle of the rule engine: rules.md read once more, apart from the product."""
