// Place of the sliding window of W exponents within the LUT's: it reaches the group's largest
// exponent. Without any (0) it lies at the LUT's lowest.
module window_placement #(
    parameter W = 8,
    parameter LUT = 12
) (
    input [7:0]  maximum,    // biased
    input [7:0]  lut_low,    // biased, the LUT's lowest exponent
    output [4:0] slide,      // of the window above the LUT's lowest exponent
    output [7:0] window_low  // biased
);
    localparam LAST = LUT - W;

    wire signed [9:0] wanted = {2'd0, maximum} - {2'd0, lut_low} - (W - 1);
    wire [9:0]        clipped = wanted < 0 ? 10'd0 : wanted > LAST ? LAST : wanted;

    assign slide = clipped[4:0];
    assign window_low = lut_low + {3'd0, slide};
endmodule
