"""Curvature of the loss: its Hessian as something that vectors are multiplied by, its eigenvalues, their density."""
