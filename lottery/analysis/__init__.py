"""What can be learnt about networks without training them."""
