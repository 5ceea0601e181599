// Sum of two BF16 numbers, rounded once to nearest even; subnormals, infinities, and one NaN (7FC0).
module bf16_adder (
    input [15:0]  a,
    input [15:0]  b,
    output [15:0] sum
);
    wire        swap = a[14:0] < b[14:0];
    wire [15:0] greater = swap ? b : a;
    wire [15:0] lesser = swap ? a : b;
    wire        subtract = a[15] ^ b[15];

    // a subnormal has the exponent of the smallest normal number, and no leading one
    wire        greater_normal = |greater[14:7];
    wire        lesser_normal = |lesser[14:7];
    wire [7:0]  greater_exponent = greater[14:7] | {7'd0, ~greater_normal};
    wire [7:0]  lesser_exponent = lesser[14:7] | {7'd0, ~lesser_normal};
    wire [7:0]  distance = greater_exponent - lesser_exponent;

    // the smaller one, shifted to the larger one's exponent: two more bits, and whether any is lost;
    // from a distance of 10 on it decides nothing
    wire [22:0] shifted = {lesser_normal, lesser[6:0], 15'd0} >> distance[3:0];
    wire        far = |distance[7:4];
    wire [9:0]  kept = far ? 10'd0 : shifted[22:13];
    wire        sticky = ~far & |shifted[12:0];
    wire [11:0] addend = {1'b0, kept, sticky};
    wire [11:0] base = {1'b0, greater_normal, greater[6:0], 3'd0};
    wire [11:0] total = subtract ? base - addend : base + addend;

    wire        sign = total == 0 ? a[15] & b[15] : greater[15];
    wire [15:0] finite;
    bf16_round #(.WIDTH(12), .SMALL(0)) round (
        .sign(sign), .exponent({3'd0, greater_exponent} + 11'sd1), .magnitude(total), .code(finite)
    );

    wire special = &greater[14:7];
    wire nan = special & (|greater[6:0] | subtract & &lesser[14:7]);
    assign sum = nan ? 16'h7FC0 : special ? greater : finite;
endmodule
