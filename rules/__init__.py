"""Rating: scheme documents to a plan, transactions to awards (PURE).

`parse_programme` and `parse_scheme` read the documents, `compile_plan` checks them against the directory, `rate` rates
a batch and carries State on.
"""

from rules.documents import Programme, Scheme
from rules.engine import SMALL, Engine, rate, warm
from rules.explain import explain, explain_lines
from rules.parse import Document, parse_programme, parse_scheme
from rules.plan import Plan, compile_plan
from rules.rated import Rated
from rules.state import STATE_KEYS, STATE_SCHEMAS, State

__all__ = [
    "SMALL",
    "STATE_KEYS",
    "STATE_SCHEMAS",
    "Document",
    "Engine",
    "Plan",
    "Programme",
    "Rated",
    "Scheme",
    "State",
    "compile_plan",
    "explain",
    "explain_lines",
    "parse_programme",
    "parse_scheme",
    "rate",
    "warm",
]
