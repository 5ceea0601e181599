// An INT4 weight, sign and magnitude, as BF16.
module int4_to_bf16 (
    input        sign,
    input [2:0]  magnitude,
    output [15:0] code
);
    wire [7:0] exponent = magnitude[2] ? 8'd129 : magnitude[1] ? 8'd128 : 8'd127;
    wire [1:0] mantissa = magnitude[2] ? magnitude[1:0] : {magnitude[1] & magnitude[0], 1'b0};

    assign code = magnitude == 0 ? 16'd0 : {sign, exponent, mantissa, 5'd0};
endmodule
