"""The command `puhui`. Each module registers its verbs; heavy imports stand inside the verbs."""
