// Clamping of an input's exponent into the sliding window, and what replaces the value from the LUT.
//
// Above the window the mantissa becomes the largest, below it zero (`underflow=clamp`). Replaced are:
// zeros, infinities and NaN by the exact value; beyond the LUT (`overflow=flush`) the function's limit,
// for a positive input of an activation that input itself; below the LUT an activation by a zero.
module clamping #(
    parameter W = 8,
    parameter LUT = 12
) (
    input             exponential, // or else an activation (SiLU, GELU)
    input [15:0]      code,
    input [2:0]       mantissa,
    input [7:0]       exponent,
    input             zero,
    input             special,
    input [7:0]       window_low,
    input [7:0]       lut_low,
    output [2:0]      magnitude,   // at which the row spikes
    output [2:0]      offset,      // of the exponent within the window, in columns
    output            replaced,
    output reg [15:0] replacement
);
    wire [8:0] above_low = {1'b0, exponent} - {1'b0, window_low};
    // zeros and subnormals have the lowest exponent field, infinities and NaN the highest
    wire       below = above_low[8];
    wire       above = ~below & above_low > W - 1;
    wire       below_lut = exponent < lut_low;
    wire       beyond_lut = {1'b0, exponent} > {1'b0, lut_low} + (LUT - 1);
    wire       sign = code[15];
    wire       nan = special & |code[6:0];
    wire [2:0] highest = W - 1;

    assign magnitude = below ? 3'd0 : above ? 3'd7 : mantissa;
    assign offset = below ? 3'd0 : above ? highest : above_low[2:0];
    assign replaced = zero | special | beyond_lut | below_lut & ~exponential;

    always @* begin
        if (nan) replacement = {sign, 15'h7FC0};
        else if (zero & exponential) replacement = 16'h3F80;
        else if (zero) replacement = {sign, 15'd0};
        else if (exponential) replacement = sign ? 16'd0 : 16'h7F80;
        else if (sign | below_lut) replacement = {sign, 15'd0};
        else replacement = code;
    end
endmodule
