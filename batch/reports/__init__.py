"""Reports as values (settlement.model.report), built from rows; adapters.documents makes files of them."""
