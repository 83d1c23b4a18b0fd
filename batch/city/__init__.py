"""The demo and simulation city: members, cards, traffic and banks generated from a seed, with planted faults.

It writes through the adapters' own writers what banks would drop, and answers payout files as a bank would. Every
number is generated; nobody real has it. The city's own truth (what was planted) never reaches the product.
"""
