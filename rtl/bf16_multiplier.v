// Product of two BF16 numbers, rounded once to nearest even; infinities, one NaN (7FC0). Without
// SUBNORMALS, those count as zeros, and products that stay below the smallest normal number are zeros.
module bf16_multiplier #(
    parameter SUBNORMALS = 1
) (
    input [15:0]  a,
    input [15:0]  b,
    output [15:0] product
);
    wire        a_normal = |a[14:7];
    wire        b_normal = |b[14:7];
    wire [15:0] magnitude = {a_normal, a[6:0]} * {b_normal, b[6:0]};
    wire [7:0]  a_exponent = a[14:7] | {7'd0, ~a_normal};
    wire [7:0]  b_exponent = b[14:7] | {7'd0, ~b_normal};
    wire        sign = a[15] ^ b[15];
    // of the magnitude's first bit, biased: 1.x * 1.y is below 4
    wire signed [10:0] exponent = {3'd0, a_exponent} + {3'd0, b_exponent} - 11'sd126;

    wire [15:0] finite;
    generate
        if (SUBNORMALS) begin : subnormals
            bf16_round #(.WIDTH(16)) round (
                .sign(sign), .exponent(exponent), .magnitude(magnitude), .code(finite)
            );
        end else begin : flushed
            wire        two = magnitude[15]; // or more
            wire [14:0] value = two ? {magnitude[15:2], |magnitude[1:0]} : magnitude[14:0];
            wire        up = value[6] & (value[7] | |value[5:0]);
            wire signed [10:0] place = two ? exponent : exponent - 11'sd1;
            wire [17:0] rounded = {place, value[13:7]} + {17'd0, up};
            wire        none = ~a_normal | ~b_normal | rounded[17] | rounded[17:7] == 0;
            wire        overflow = |rounded[16:15] | &rounded[14:7];
            assign finite = {sign, none ? 15'd0 : overflow ? 15'h7F80 : rounded[14:0]};
        end
    endgenerate

    wire a_special = &a[14:7];
    wire b_special = &b[14:7];
    wire a_zero = SUBNORMALS ? a[14:0] == 0 : ~a_normal;
    wire b_zero = SUBNORMALS ? b[14:0] == 0 : ~b_normal;
    wire nan = a_special & (|a[6:0] | b_zero) | b_special & (|b[6:0] | a_zero);
    assign product = nan ? 16'h7FC0 : a_special | b_special ? {sign, 15'h7F80} : finite;
endmodule
