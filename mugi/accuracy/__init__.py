"""What approximations do to real models."""
