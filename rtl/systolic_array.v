// Weight-stationary systolic array of H rows (k) and W columns (n) with its edges. Inputs of H steps
// of k are pushed together and enter a row a cycle; weights are shifted in from above, the last row's
// first. A column's sum leaves H + 1 cycles after its first input entered (one later with
// PRODUCT_REGISTER), column after column, and an adder adds it to what earlier tiles of k left.
module systolic_array #(
    parameter H = 8,
    parameter W = 8,
    parameter INT4 = 0,
    parameter PRODUCT_REGISTER = 0
) (
    input             clk,
    input             reset,
    input             shift_weights,
    input [4*W-1:0]   weights,     // sign and magnitude
    input             push_inputs,
    input [16*H-1:0]  inputs,
    input [16*W-1:0]  partial_sums, // of earlier tiles of k, when the column's sum leaves
    output [16*W-1:0] sums,
    output            fault
);
    localparam BITS = INT4 ? 4 : 16;

    wire [H:0]              enters;
    wire [H-1:0]            faults;
    wire [BITS*W*(H+1)-1:0] passing_weights;
    wire [16*W*(H+1)-1:0]   passing_sums;
    wire [16*H*(W+1)-1:0]   passing_inputs;
    assign enters[0] = push_inputs;
    assign passing_sums[16*W-1:0] = 0;

    genvar i, j;
    generate
        for (j = 0; j < W; j = j + 1) begin : top
            if (INT4) begin : int4
                assign passing_weights[BITS*j +: BITS] = weights[4*j +: 4];
            end else begin : bf16
                int4_to_bf16 convert (
                    .sign(weights[4*j+3]), .magnitude(weights[4*j +: 3]),
                    .code(passing_weights[BITS*j +: BITS])
                );
            end
        end
        for (i = 0; i < H; i = i + 1) begin : row
            reg         enter;
            wire [15:0] head;
            wire        overflow, underflow;
            assign enters[i+1] = enter;
            assign faults[i] = overflow | underflow;
            always @(posedge clk) enter <= enters[i] & ~reset;
            fifo #(.WIDTH(16), .DEPTH(H)) input_fifo (
                .clk(clk), .reset(reset), .push(push_inputs), .value(inputs[16*i +: 16]),
                .pop(enter), .head(head), .empty(), .overflow(overflow), .underflow(underflow)
            );
            assign passing_inputs[16*(W+1)*i +: 16] = enter ? head : 16'd0;
            for (j = 0; j < W; j = j + 1) begin : column
                systolic_pe #(.INT4(INT4), .PRODUCT_REGISTER(PRODUCT_REGISTER)) pe (
                    .clk(clk), .shift_weight(shift_weights),
                    .weight_in(passing_weights[BITS*(W*i+j) +: BITS]),
                    .weight_out(passing_weights[BITS*(W*(i+1)+j) +: BITS]),
                    .input_in(passing_inputs[16*((W+1)*i+j) +: 16]),
                    .input_out(passing_inputs[16*((W+1)*i+j+1) +: 16]),
                    .sum_in(passing_sums[16*(W*i+j) +: 16]),
                    .sum_out(passing_sums[16*(W*(i+1)+j) +: 16])
                );
            end
        end
        for (j = 0; j < W; j = j + 1) begin : bottom
            bf16_adder adder (
                .a(partial_sums[16*j +: 16]), .b(passing_sums[16*(W*H+j) +: 16]),
                .sum(sums[16*j +: 16])
            );
        end
    endgenerate

    assign fault = |faults;
endmodule
