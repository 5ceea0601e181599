// Product of a BF16 number and an INT4 weight (sign and magnitude, no -0), rounded once to nearest
// even. A weight of 0 gives a zero of the input's sign, or NaN (7FC0) of an infinity or NaN, as BF16.
module bf16_int4_multiplier (
    input [15:0]  a,
    input         sign,
    input [2:0]   magnitude,
    output [15:0] product
);
    wire        normal = |a[14:7];
    wire [10:0] whole = {normal, a[6:0]} * magnitude;
    wire        negative = a[15] ^ sign;
    wire [15:0] finite;
    bf16_round #(.WIDTH(11), .SMALL(0)) round (
        .sign(negative),
        .exponent({3'd0, a[14:7] | {7'd0, ~normal}} + 11'sd3), // three bits before the input's point
        .magnitude(whole),
        .code(finite)
    );

    wire special = &a[14:7];
    wire nan = special & (|a[6:0] | magnitude == 0);
    assign product = nan ? 16'h7FC0 : special ? {negative, 15'h7F80} : finite;
endmodule
