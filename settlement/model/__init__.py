"""Pure vocabulary that every stage shares. Nothing here touches a file, a database, a clock or the network."""
