// FIGNA's conversion: a sum of whole numbers with its group's shared exponent, as BF16, rounded once;
// NaN (7FC0) if an input of the group was an infinity or NaN.
module figna_to_bf16 #(
    parameter BITS = 12,
    parameter SUM_BITS = 24
) (
    input [SUM_BITS-1:0] sum,      // two's complement
    input [7:0]          exponent, // of the first bit of an input's magnitude
    input                special,
    output [15:0]        code
);
    localparam signed [10:0] FIRST_BIT = SUM_BITS + 1 - BITS; // of a sum, above that of an input

    wire                negative = sum[SUM_BITS-1];
    wire [SUM_BITS-1:0] magnitude = negative ? -sum : sum;
    wire [15:0]         finite;
    bf16_round #(.WIDTH(SUM_BITS)) round (
        .sign(negative),
        .exponent({3'd0, exponent} + FIRST_BIT),
        .magnitude(magnitude),
        .code(finite)
    );

    assign code = special ? 16'h7FC0 : finite;
endmodule
