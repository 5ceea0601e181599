"""Areas of the Verilog in `rtl/` by open synthesis, beside those of the published components."""
