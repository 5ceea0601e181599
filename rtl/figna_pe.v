// FIGNA's processing element: an aligned input times an INT4 weight (sign and magnitude), added as
// whole numbers; nothing is rounded. Dataflow as in systolic_pe.
module figna_pe #(
    parameter BITS = 12,
    parameter SUM_BITS = 24
) (
    input                     clk,
    input                     shift_weight,
    input [3:0]               weight_in,
    output reg [3:0]          weight_out,
    input signed [BITS-1:0]   input_in,
    output reg signed [BITS-1:0] input_out,
    input signed [SUM_BITS-1:0] sum_in,
    output reg signed [SUM_BITS-1:0] sum_out
);
    wire signed [3:0]      magnitude = {1'b0, weight_out[2:0]};
    wire signed [BITS+3:0] product = input_out * magnitude;

    always @(posedge clk) begin
        if (shift_weight) weight_out <= weight_in;
        input_out <= input_in;
        sum_out <= weight_out[3] ? sum_in - product : sum_in + product;
    end
endmodule
