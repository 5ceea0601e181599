"""What the paper's claims rest on: other assumptions, unsure costs, other models and sizes."""
