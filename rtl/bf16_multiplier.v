// Product of two BF16 numbers, rounded once to nearest even; subnormals, infinities, one NaN (7FC0).
module bf16_multiplier (
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

    wire [15:0] finite;
    bf16_round #(.WIDTH(16)) round (
        .sign(sign),
        .exponent({3'd0, a_exponent} + {3'd0, b_exponent} - 11'sd126), // 1.x * 1.y is below 4
        .magnitude(magnitude),
        .code(finite)
    );

    wire a_special = &a[14:7];
    wire b_special = &b[14:7];
    wire nan = a_special & (|a[6:0] | b[14:0] == 0) | b_special & (|b[6:0] | a[14:0] == 0);
    assign product = nan ? 16'h7FC0 : a_special | b_special ? {sign, 15'h7F80} : finite;
endmodule
