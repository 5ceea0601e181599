// Scaling of a product by the exponent and sign of a row's FP8 weight (E4M3, sign, 4 bits of exponent
// biased by 7, 3 of mantissa; no subnormals): the mantissa is in the product already. A weight of 0
// gives +0, one of all ones NaN (7FC0). Values below the smallest normal BF16 become zeros.
module carat_scaling (
    input [15:0]  value,
    input [7:0]   weight,
    output [15:0] product
);
    wire       zero = ~|weight[6:0];
    wire       nan = &weight[6:0];
    wire       sign = value[15] ^ weight[7];
    wire       special = &value[14:7];
    wire signed [9:0] exponent = {2'd0, value[14:7]} + {6'd0, weight[6:3]} - 10'sd7;
    wire       small_value = ~|value[14:7] | exponent < 1;

    assign product = nan ? 16'h7FC0
        : zero ? 16'd0
        : special ? {sign, value[14:0]}
        : small_value ? {sign, 15'd0}
        : exponent > 254 ? {sign, 15'h7F80}
        : {sign, exponent[7:0], value[6:0]};
endmodule
