"""Networks by their tensors: names, masks, cohorts of them that train together, and what can be read off them."""
