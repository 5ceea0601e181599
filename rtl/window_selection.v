// Selection of the sliding window's W values from a row of the LUT.
module window_selection #(
    parameter W = 8,
    parameter LUT = 12
) (
    input [16*LUT-1:0] lut_row, // lowest exponent first
    input [4:0]        slide,
    output [16*W-1:0]  values
);
    genvar j;
    generate
        for (j = 0; j < W; j = j + 1) begin : column
            // only the LUT - W + 1 places that there are
            wire [16*(LUT-W+1)-1:0] places = lut_row[16*j +: 16*(LUT-W+1)];
            assign values[16*j +: 16] = places[16*slide +: 16];
        end
    endgenerate
endmodule
