// Rounding of an input: a BF16 mantissa of 7 bits to 3, half to even, with the carry into the
// exponent. Subnormals keep an exponent field of 0, which is below every LUT.
module rounding (
    input [15:0] code,
    output [2:0] mantissa,
    output [7:0] exponent, // biased; 255 is a carry unless the input is special
    output       zero,
    output       special   // infinity or NaN
);
    // a NaN would carry beyond the last exponent
    wire up = code[3] & (|code[2:0] | code[4]) & ~special;

    assign {exponent, mantissa} = code[14:4] + {10'd0, up};
    assign zero = code[14:0] == 0;
    assign special = &code[14:7];
endmodule
